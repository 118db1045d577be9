import { decodeConfiguration } from '../../../api/configuration/decode-configuration.ts'
import {
  file,
  listOf,
  longInteger,
  optional,
  struct,
  text,
} from '../../../api/configuration/configuration-schema.ts'
import { qosClassOf } from '../../../api/core/pod/qos-class.ts'
import { areTolerationsAllowed, mergeTolerations } from '../../../api/core/pod/tolerations.ts'
import type { Namespace, Toleration } from '../../../api/generated/core.v1.ts'
import { namespaces, pods } from '../../../api/generated/resources.ts'
import { writableCopy } from '../../../machinery/copy.ts'
import { notFound } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import { plainError } from '../plain-error.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { isAbout, objectOf } from '../request-matching.ts'

/** Of namespaces that say nothing themselves. */
export interface TolerationRestriction {
  readonly default?: readonly Toleration[]
  readonly whitelist?: readonly Toleration[]
}

const toleration = struct({
  key: text,
  operator: text,
  value: text,
  effect: text,
  tolerationSeconds: optional(longInteger),
})
const schema = file({ default: listOf(toleration), whitelist: listOf(toleration) })
const kind = {
  group: 'podtolerationrestriction.admission.k8s.io',
  version: 'v1alpha1',
  kind: 'Configuration',
  schema,
}

export function readTolerationRestriction(content: string): TolerationRestriction {
  return decodeConfiguration(content, [kind]) as TolerationRestriction
}

const annotations = {
  default: 'scheduler.alpha.kubernetes.io/defaultTolerations',
  whitelist: 'scheduler.alpha.kubernetes.io/tolerationsWhitelist',
}
const memoryPressure = {
  key: 'node.kubernetes.io/memory-pressure',
  operator: 'Exists',
  effect: 'NoSchedule',
} as const

/**
 * Gives pods the tolerations of their namespace, and keeps them to those that it allows.
 * Source: kubernetes/plugin/pkg/admission/podtolerationrestriction.
 */
export function createPodTolerationRestriction(
  objects: Objects,
  restriction: TolerationRestriction,
): AdmissionPlugin {
  async function namespaceOf(namespace: string): Promise<Namespace> {
    const name = { name: namespace }
    const found = objects.get(namespaces, name) ?? (await objects.getLatest(namespaces, name))
    if (!found) throw notFound(namespaces, namespace)
    return found
  }

  return {
    name: 'PodTolerationRestriction',
    handles: (request) => isAbout(request, pods, ['CREATE', 'UPDATE']),
    async mutate(request) {
      const pod = objectOf(request, pods)
      if (!pod.spec) return
      const defaults =
        request.operation === 'CREATE'
          ? (tolerationsIn(await namespaceOf(request.namespace), 'default') ?? restriction.default ?? [])
          : []
      const added = qosClassOf(pod) === 'BestEffort' ? defaults : [...defaults, memoryPressure]
      if (added.length > 0) {
        pod.spec.tolerations = writableCopy([...mergeTolerations(pod.spec.tolerations ?? [], added)])
      }
    },
    async validate(request) {
      const { tolerations = [] } = objectOf(request, pods).spec ?? {}
      if (tolerations.length === 0) return
      const own = tolerationsIn(await namespaceOf(request.namespace), 'whitelist')
      if (areTolerationsAllowed(tolerations, own ?? restriction.whitelist ?? [])) return
      throw plainError(
        `pod tolerations (possibly merged with namespace default tolerations) conflict with its ${own ? 'namespace' : 'cluster'} whitelist`,
      )
    },
  }
}

/** Undefined where the namespace does not say. */
function tolerationsIn(
  { metadata }: Namespace,
  which: keyof typeof annotations,
): readonly Toleration[] | undefined {
  const content = metadata?.annotations?.[annotations[which]]
  if (content === undefined) return undefined
  if (content === '') return []
  try {
    const value: unknown = JSON.parse(content)
    if (value === null) return []
    if (Array.isArray(value)) return value as readonly Toleration[]
  } catch (error) {
    throw plainError((error as Error).message)
  }
  throw plainError('json: cannot unmarshal object into Go value of type []v1.Toleration')
}
