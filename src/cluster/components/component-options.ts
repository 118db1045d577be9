import { featureGatesOption } from '../api-server-flags/feature-flags.ts'
import type { Option } from '../cli/command.ts'
import { controllersFlags } from './controllers-flags.ts'
import {
  apiServerFileOptions,
  kubeletConfigOption,
  schedulerConfigOption,
  securityOptions,
  storeOptions,
} from '../commands/up-options.ts'

/** Options of every component that is a client of the API server. */
const clientOptions: Readonly<Record<string, Option>> = {
  kubeconfig: { description: 'How to reach the API server, and as whom', value: 'FILE' },
  server: {
    description:
      "An API server, instead of the kubeconfig's; given several times, they are taken in turn where one is gone",
    value: 'URL',
    repeats: true,
  },
  'health-address': {
    description:
      'Where /healthz, /livez, /readyz, /metrics and /configz are answered, by scheduler and controllers /statusz and /flagz, too (default: nowhere)',
    value: 'ADDRESS:PORT',
  },
}

/** Of components of which one works while others like it wait. As upstream names them; durations as Go has them. */
export const electionOptions: Readonly<Record<string, Option>> = {
  'leader-elect': {
    description: 'Work only while this process is the elected one',
    default: 'true',
    value: 'BOOL',
    choices: ['true', 'false'],
    bareValue: 'true',
  },
  'leader-elect-lease-duration': {
    description: 'How long others wait for a leader that is silent',
    default: '15s',
    value: 'DURATION',
  },
  'leader-elect-renew-deadline': {
    description: 'How long the leader works on without having renewed its lease',
    default: '10s',
    value: 'DURATION',
  },
  'leader-elect-retry-period': {
    description: 'Between tries to get or renew the lease',
    default: '2s',
    value: 'DURATION',
  },
  'leader-elect-resource-name': { description: 'Name of the Lease (default: the component)', value: 'NAME' },
  'leader-elect-resource-namespace': {
    description: 'Namespace of the Lease',
    default: 'kube-system',
    value: 'NAME',
  },
}

export const apiServerOptions: Readonly<Record<string, Option>> = {
  'data-dir': { description: 'Folder of certificates, kubeconfigs and the embedded store', value: 'DIR' },
  port: { description: 'Where it listens (default: 6443)', value: 'PORT' },
  'bind-address': { description: 'Default: all of the machine', value: 'ADDRESS' },
  'advertise-address': {
    description: 'Where others reach it (default: the first of the machine)',
    value: 'ADDRESS',
  },
  'service-cidr': { description: 'Addresses of Services (default: 10.96.0.0/16)', value: 'CIDR' },
  'cluster-cidr': { description: 'Addresses of pods (default: 10.244.0.0/16)', value: 'CIDR' },
  ...storeOptions,
  ...securityOptions,
  ...apiServerFileOptions,
}

export const signingOptions: Readonly<Record<string, Option>> = {
  'cluster-signing-duration': {
    description: 'How long certificates are good that are signed on request, at most',
    default: '8760h',
    value: 'DURATION',
  },
}

export const controllersOptions: Readonly<Record<string, Option>> = {
  ...clientOptions,
  ...electionOptions,
  'cluster-cidr': { description: 'Addresses of pods', default: '10.244.0.0/16', value: 'CIDR' },
  'service-cluster-ip-range': {
    description: 'Addresses of Services, of which no node is given any (default: none)',
    value: 'CIDR',
  },
  'node-cidr-mask-size': { description: "Length of each node's part of them", default: '24', value: 'BITS' },
  'cluster-signing-cert-file': { description: 'Authority that signs certificates on request', value: 'FILE' },
  'service-account-private-key-file': { description: "Key of service accounts' tokens", value: 'FILE' },
  'cluster-signing-key-file': { description: 'Key of that authority', value: 'FILE' },
  ...signingOptions,
  ...featureGatesOption,
  ...controllersFlags,
}

export const schedulerOptions: Readonly<Record<string, Option>> = {
  ...clientOptions,
  ...electionOptions,
  ...schedulerConfigOption,
}

export const proxyOptions: Readonly<Record<string, Option>> = {
  ...clientOptions,
  config: { description: 'A KubeProxyConfiguration; the options here win over it', value: 'FILE' },
  'node-name': { description: 'Whose packets it directs (default: the name of the machine)', value: 'NAME' },
  'cluster-cidr': { description: 'Addresses of pods (default: 10.244.0.0/16)', value: 'CIDR' },
  'node-routes': {
    description: "Also keep routes to other nodes' pods, by way of nodes in this network",
    value: 'CIDR',
  },
}

export const dnsOptions: Readonly<Record<string, Option>> = {
  ...clientOptions,
  address: { description: 'Where it listens (default: 0.0.0.0)', value: 'ADDRESS' },
  port: { description: 'Default: 53', value: 'PORT' },
  'cluster-domain': { description: 'Default: cluster.local', value: 'DOMAIN' },
  'resolv-conf': { description: 'Names the servers for all else (default: /etc/resolv.conf)', value: 'FILE' },
}

export const kubeletOptions: Readonly<Record<string, Option>> = {
  ...clientOptions,
  ...kubeletConfigOption,
  ...featureGatesOption,
  'config-dir': {
    description: 'KubeletConfigurations too, in files *.conf: each over those before it, and over --config',
    value: 'DIR',
  },
  'bootstrap-kubeconfig': {
    description:
      'How to ask for a certificate where there is none: with it --kubeconfig is written, and the certificate rotated',
    value: 'FILE',
  },
  'node-name': { description: 'Default: the name of the machine', value: 'NAME' },
  'node-ip': { description: 'Default: the first address of the machine', value: 'ADDRESS' },
  'container-runtime-endpoint': {
    description: 'Default: /run/containerd/containerd.sock; simulated: no containers',
    value: 'SOCKET',
  },
  'root-dir': { description: "Pods' volumes, and what it keeps (default: /var/lib/kubelet)", value: 'DIR' },
  'pod-logs-dir': { description: "Containers' logs (default: /var/log/pods)", value: 'DIR' },
  'pod-manifest-path': { description: 'Manifests of static pods (default: none)', value: 'DIR' },
  'cgroup-root': { description: 'Below it are the cgroups of pods (default: /)', value: 'NAME' },
  'cluster-dns': { description: 'Name servers of pods, with commas between them', value: 'ADDRESSES' },
  'cluster-domain': { description: 'Default: cluster.local', value: 'DOMAIN' },
  'resolv-conf': { description: 'Default: /etc/resolv.conf', value: 'FILE' },
  'cni-conf-dir': {
    description: 'Write the configuration of the pod network here (default: somebody else does)',
    value: 'DIR',
  },
  'cni-network-name': { description: 'What that network is called (default: k8ts)', value: 'NAME' },
  'cni-cache-dir': { description: "Where that network keeps pods' addresses", value: 'DIR' },
  'cert-dir': {
    description: 'Where it keeps the certificates it asks for (default: ROOT/pki)',
    value: 'DIR',
  },
}
