import type { Container, PodSpec, Volume } from '../../../api/generated/core.v1.ts'
import type { Writable } from '../../../machinery/meta.ts'
import { podTokenExpirationSeconds } from '../../authentication/service-accounts/create-token.ts'

const volumePrefix = 'kube-api-access-'
/** Where clients in pods look for their credentials. */
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Mounts a token, the cluster's authority and the namespace into every container that mounts nothing there itself.
 * `newName` makes a name from a prefix. Source: kubernetes/plugin/pkg/admission/serviceaccount.
 */
export function mountToken(spec: Writable<PodSpec>, newName: (prefix: string) => string): void {
  const present = spec.volumes?.find(({ name }) => name.startsWith(volumePrefix))?.name
  const name = present ?? newName(volumePrefix)
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  const lacking = containers.filter(({ volumeMounts = [] }) =>
    volumeMounts.every((one) => one.mountPath !== mountPath),
  )
  for (const container of lacking) addMount(container, name)
  if (present === undefined && lacking.length > 0) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)]
}

function addMount(container: Writable<Container>, name: string): void {
  container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath }]
}

function tokenVolume(name: string): Writable<Volume> {
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: podTokenExpirationSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }],
          },
        },
      ],
      defaultMode: 0o644,
    },
  }
}
