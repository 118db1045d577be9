import type { Pod } from '../../../api/generated/core.v1.ts'
import type { CSIDriver } from '../../../api/generated/storage.v1.ts'
import { compareGoStrings } from '../../../machinery/go-format.ts'
import { goJson } from '../../../machinery/go-json.ts'
import type { TokenSource } from '../token-source.ts'
import type { CsiVolume } from './csi-volume.ts'

const prefix = 'csi.storage.k8s.io'

/** What a driver that asks for it is told of the pod, in the context of the volume. */
export function podInformation(
  pod: Pod,
  volume: CsiVolume,
  object: CSIDriver | undefined,
): Readonly<Record<string, string>> {
  if (!object?.spec?.podInfoOnMount) return {}
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {}
  return {
    [`${prefix}/pod.name`]: name,
    [`${prefix}/pod.namespace`]: namespace,
    [`${prefix}/pod.uid`]: uid,
    [`${prefix}/serviceAccount.name`]: pod.spec?.serviceAccountName || 'default',
    [`${prefix}/ephemeral`]: String(volume.lifecycle === 'Ephemeral'),
  }
}

/** The tokens of the pod's service account that a driver asks for, by audience, in one value. Secret. */
export async function podTokens(
  pod: Pod,
  object: CSIDriver | undefined,
  tokens: TokenSource,
): Promise<Readonly<Record<string, string>>> {
  const requests = object?.spec?.tokenRequests ?? []
  if (requests.length === 0) return {}
  const byAudience: [string, unknown][] = []
  for (const request of requests) {
    const { token, expirationTimestamp } = await tokens.boundToken(pod, request)
    byAudience.push([request.audience, { token, expirationTimestamp }])
  }
  const inOrder = Object.fromEntries(byAudience.toSorted(([a], [b]) => compareGoStrings(a, b)))
  return { [`${prefix}/serviceAccount.tokens`]: goJson(inOrder) }
}
