import type { Container, Pod, PodSpec } from '../../api/generated/core.v1.ts'

/** A pod bound to a node, with one container that runs for ever. */
export function aPod(name: string, spec: Partial<PodSpec> = {}, metadata: Pod['metadata'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...metadata },
    spec: {
      nodeName: 'node-1',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 1,
      serviceAccountName: 'default',
      enableServiceLinks: true,
      containers: [aContainer('app')],
      ...spec,
    },
  }
}

export function aContainer(name: string, container: Partial<Container> = {}): Container {
  return { name, image: 'k8ts.test/busybox:1', imagePullPolicy: 'IfNotPresent', ...container }
}

/** A container that runs a shell script. */
export function aShell(name: string, script: string, container: Partial<Container> = {}): Container {
  return aContainer(name, { command: ['/bin/sh', '-c', script], ...container })
}
