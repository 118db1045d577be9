import type { Container, Pod } from '../../api/generated/core.v1.ts'
import { k8tsVersion } from '../version.ts'

/**
 * The cluster's own components as pods, so that `kubectl get pods -n kube-system` shows them where every introduction to
 * Kubernetes says they are. They are parts of k8ts's processes, and that is what these pods are: the kubelet looks at
 * the process and serves its log, and starts no container.
 */
export interface OwnPod {
  readonly component: string
  readonly labels: Readonly<Record<string, string>>
  readonly priorityClassName: 'system-node-critical' | 'system-cluster-critical'
  /** Holds the identity of the process that the component is a part of. */
  readonly processFile: string
  readonly logFile: string
  /** Where the component is reached. */
  readonly address: string
  readonly container: Omit<Container, 'image' | 'name'>
}

/** Read by the kubelet's runtime for such pods. */
const ownPodAnnotations = {
  process: 'k8ts.io/process',
  log: 'k8ts.io/log',
  address: 'k8ts.io/address',
} as const

/** The manifest of a static pod. */
export function ownPodManifest(pod: OwnPod): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: pod.component,
      namespace: 'kube-system',
      labels: pod.labels,
      annotations: {
        [ownPodAnnotations.process]: pod.processFile,
        [ownPodAnnotations.log]: pod.logFile,
        [ownPodAnnotations.address]: pod.address,
      },
    },
    spec: {
      hostNetwork: true,
      priorityClassName: pod.priorityClassName,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: pod.component, image: `k8ts.io/k8ts:${k8tsVersion()}`, ...pod.container }],
    },
  }
}

export interface ControlPlanePlace {
  readonly processFile: string
  /** Folder of the components' logs. */
  readonly logs: string
  readonly address: string
  readonly port: number
}

/** API server, controllers and scheduler: parts of the server's process. */
export function controlPlanePods({ processFile, logs, address, port }: ControlPlanePlace): OwnPod[] {
  const part = (component: string, container: OwnPod['container']): OwnPod => ({
    component,
    labels: { component, tier: 'control-plane' },
    priorityClassName: 'system-node-critical',
    processFile,
    logFile: `${logs}/${component}.log`,
    address,
    container,
  })
  return [
    part('kube-apiserver', {
      ports: [{ name: 'https', containerPort: port, hostPort: port }],
      readinessProbe: {
        httpGet: { host: address, port, path: '/readyz', scheme: 'HTTPS' },
        periodSeconds: 10,
      },
    }),
    part('kube-controller-manager', {}),
    part('kube-scheduler', {}),
  ]
}

export interface NodePlace {
  readonly processFile: string
  readonly kubeProxyLog: string
  readonly corednsLog: string
  readonly address: string
}

/** kube-proxy and cluster DNS: parts of the node's process. */
export function nodePods({ processFile, kubeProxyLog, corednsLog, address }: NodePlace): OwnPod[] {
  return [
    {
      component: 'kube-proxy',
      labels: { 'k8s-app': 'kube-proxy' },
      priorityClassName: 'system-node-critical',
      processFile,
      logFile: kubeProxyLog,
      address,
      container: {},
    },
    {
      component: 'coredns',
      labels: { 'k8s-app': 'kube-dns' },
      priorityClassName: 'system-cluster-critical',
      processFile,
      logFile: corednsLog,
      address,
      container: {
        ports: [
          { name: 'dns', containerPort: 53, protocol: 'UDP' },
          { name: 'dns-tcp', containerPort: 53, protocol: 'TCP' },
          { name: 'metrics', containerPort: 9153, protocol: 'TCP' },
        ],
        // The kubelet may ask before the server listens: pods have no names until it asks again.
        readinessProbe: { tcpSocket: { port: 53 }, periodSeconds: 1 },
      },
    },
  ]
}
