import { createHash } from 'node:crypto'
import { decodeYamlBody } from '../../api/decode-body.ts'
import { defaultPod } from '../../api/core/pod/pod-defaults.ts'
import { applyDefaults } from '../../api/apply-defaults.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { schemaOf } from '../../api/scheme.ts'
import { writableCopy } from '../../machinery/copy.ts'
import type { Writable } from '../../machinery/meta.ts'
import { formatTime } from '../../machinery/time.ts'
import { configHashAnnotation, configSeenAnnotation, configSourceAnnotation } from '../pods/pod.ts'

const podKind = { group: '', version: 'v1', kind: 'Pod' }

/**
 * The pod that a manifest describes, as this node runs it: with the node's name behind its own, a uid made from its
 * content, and the annotations that say where it comes from. Throws for what is no pod.
 */
export function parseStaticPod(manifest: Uint8Array, nodeName: string, now: number): Pod {
  const decoded = decodeYamlBody(manifest, { defaultKind: podKind, schemaOf })
  if (decoded.kind.kind !== 'Pod') throw new Error(`a manifest must be a Pod, not a ${decoded.kind.kind}`)
  const pod: Writable<Pod> = writableCopy(decoded.object as Pod)
  const { name = '', namespace } = pod.metadata ?? {}
  if (name === '') throw new Error('a manifest must have metadata.name')
  const schema = schemaOf(podKind)
  if (schema) applyDefaults(pod, schema)
  defaultPod(pod)
  const hash = createHash('sha256').update(nodeName).update(manifest).digest('hex').slice(0, 32)
  return {
    ...pod,
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...pod.metadata,
      name: `${name}-${nodeName}`,
      namespace: namespace || 'default',
      uid: hash,
      annotations: {
        ...pod.metadata?.annotations,
        [configHashAnnotation]: hash,
        [configSourceAnnotation]: 'file',
        [configSeenAnnotation]: formatTime(now),
      },
    },
    spec: {
      ...pod.spec,
      containers: pod.spec?.containers ?? [],
      nodeName,
      // A pod from a manifest stays whatever befalls the node.
      tolerations: [...(pod.spec?.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
    },
    status: { phase: 'Pending' },
  }
}
