import { appArmorAdvice, appArmorAnnotation } from './app-armor-annotations.ts'
import { path, type FieldPath } from '../../../machinery/field-error.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { ObjectMeta } from '../../../machinery/meta.ts'
import { warningsForIp } from '../../../machinery/validation/ip.ts'
import { dns1123LabelErrors } from '../../../machinery/validation/names.ts'
import type {
  Container,
  EphemeralContainer,
  Pod,
  PodSpec,
  PodTemplateSpec,
  TopologySpreadConstraint,
} from '../../generated/core.v1.ts'
import { fractionalBytesWarnings } from '../fractional-bytes.ts'
import { deprecatedNodeLabel, nodeSelectorTermWarnings } from '../node-labels.ts'
import { portWarnings } from './port-warnings.ts'
import { visitContainers } from './visit-containers.ts'
import { volumeWarnings } from './volume-warnings.ts'

/*
 * What the author of a pod should know although the pod is accepted. Source: kubernetes/pkg/api/pod/warnings.go.
 */

/** Of new pods only: programs change them often, and people seldom. */
export function podWarnings({ metadata, spec }: Pod, previous?: Pod): string[] {
  if (!spec || previous) return []
  const purpose = "the Pod's hostname"
  return [...nameWarnings(metadata, purpose), ...specWarnings(metadata, spec, path('metadata'), path('spec'))]
}

export function podTemplateWarnings(template: PodTemplateSpec | undefined, at: FieldPath): string[] {
  if (!template?.spec) return []
  const { metadata, spec } = template
  const metadataAt = at.child('metadata')
  return [
    ...specWarnings(metadata, spec, metadataAt, at.child('spec')),
    ...appArmorWarnings(metadata?.annotations ?? {}, spec, metadataAt.child('annotations')),
  ]
}

/** A name that becomes part of names of hosts. */
export function nameWarnings(
  metadata: ObjectMeta | undefined,
  purpose = 'Pod names and hostnames',
): string[] {
  const messages = dns1123LabelErrors(metadata?.name ?? '')
  if (messages.length === 0) return []
  const advice = 'which can result in surprising behavior; a DNS label is recommended'
  return [`metadata.name: this is used in ${purpose}, ${advice}: [${messages.join(' ')}]`]
}

function specWarnings(
  metadata: ObjectMeta | undefined,
  spec: PodSpec,
  metadataAt: FieldPath,
  at: FieldPath,
): string[] {
  const { terminationGracePeriodSeconds: grace, overhead } = spec
  const annotationsAt = metadataAt.child('annotations')
  const warnings = [
    ...nodeLabelWarnings(spec, at),
    ...spreadWarnings(spec.topologySpreadConstraints ?? [], at.child('topologySpreadConstraints')),
    ...annotationWarnings(metadata?.annotations ?? {}, annotationsAt),
    ...volumeWarnings(spec.volumes ?? [], at.child('volumes')),
    ...listWarnings(spec, at),
    ...byteAmounts.flatMap((name) =>
      fractionalBytesWarnings(overhead?.[name], at.child('overhead').key(name)),
    ),
    ...seccompWarnings(metadata?.annotations ?? {}, spec, annotationsAt),
  ]
  for (const [container, where] of visitContainers(spec, at)) {
    for (const name of byteAmounts) {
      for (const list of ['limits', 'requests'] as const) {
        const amountAt = where.child('resources', list).key(name)
        warnings.push(...fractionalBytesWarnings(container.resources?.[list]?.[name], amountAt))
      }
    }
    warnings.push(...envWarnings(container, where.child('env')))
  }
  warnings.push(...portWarnings(spec, at))
  if (grace !== undefined && grace < 0) {
    const field = at.child('terminationGracePeriodSeconds')
    warnings.push(`${String(field)}: must be >= 0; negative values are invalid and will be treated as 1`)
  }
  return [...warnings, ...podAffinityWarnings(spec, at), ...addressWarnings(spec, at)]
}

const byteAmounts = ['memory', 'ephemeral-storage']

function nodeLabelWarnings({ nodeSelector = {}, affinity }: PodSpec, at: FieldPath): string[] {
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
  const field = at.child('affinity', 'nodeAffinity')
  const terms = affinity?.nodeAffinity?.[required]?.nodeSelectorTerms ?? []
  return [
    ...Object.keys(nodeSelector).flatMap((key) => {
      const message = deprecatedNodeLabel(key)
      return message ? [`${String(at.child('nodeSelector').key(key))}: ${message}`] : []
    }),
    ...terms.flatMap((term, index) =>
      nodeSelectorTermWarnings(term, field.child(required, 'nodeSelectorTerms').index(index)),
    ),
    ...(affinity?.nodeAffinity?.[preferred] ?? []).flatMap(({ preference }, index) =>
      nodeSelectorTermWarnings(preference, field.child(preferred).index(index).child('preference')),
    ),
  ]
}

const noLabelSelector = 'a null labelSelector results in matching no pod'

function spreadWarnings(constraints: readonly TopologySpreadConstraint[], field: FieldPath): string[] {
  return constraints.flatMap(({ topologyKey, labelSelector }, index) => {
    const at = field.index(index)
    const message = deprecatedNodeLabel(topologyKey)
    return [
      ...(message ? [`${String(at.child('topologyKey'))}: ${topologyKey} is ${message}`] : []),
      ...(labelSelector ? [] : [`${String(at.child('labelSelector'))}: ${noLabelSelector}`]),
    ]
  })
}

const deadAnnotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod':
    'non-functional in v1.16+; use the "priorityClassName" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
}

type Annotations = Readonly<Record<string, string>>

function annotationWarnings(annotations: Annotations, at: FieldPath): string[] {
  return Object.entries(deadAnnotations)
    .filter(([key]) => annotations[key] !== undefined)
    .map(([key, message]) => `${String(at.key(key))}: ${message}`)
}

const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/'

/** Annotations in place of the fields that came after them. */
function seccompWarnings(annotations: Annotations, spec: PodSpec, at: FieldPath): string[] {
  const message = 'non-functional in v1.27+; use the "seccompProfile" field instead'
  const tell = (key: string, isSaid: boolean) =>
    annotations[key] === undefined || isSaid ? [] : [`${String(at.key(key))}: ${message}`]
  return [
    ...tell(seccompPod, spec.securityContext?.seccompProfile !== undefined),
    ...[...visitContainers(spec, at)].flatMap(([{ name, securityContext }]) =>
      tell(seccompContainer + name, securityContext?.seccompProfile !== undefined),
    ),
  ]
}

/** Of templates; what a pod's author is told of it depends on what is made of the annotations. */
function appArmorWarnings(annotations: Annotations, spec: PodSpec, at: FieldPath): string[] {
  if (spec.securityContext?.appArmorProfile) return []
  return [...visitContainers(spec, at)].flatMap(([{ name, securityContext }]) => {
    const key = appArmorAnnotation + name
    if (annotations[key] === undefined || securityContext?.appArmorProfile) return []
    return [`${String(at.key(key))}: ${appArmorAdvice}`]
  })
}

/** What stands in a list twice, or in vain. */
function listWarnings({ hostAliases = [], imagePullSecrets = [] }: PodSpec, at: FieldPath): string[] {
  const repeated = (values: readonly string[], what: string, fieldOf: (index: number) => FieldPath) =>
    values.flatMap((value, index) =>
      values.indexOf(value) < index ? [`${String(fieldOf(index))}: duplicate ${what} ${goQuote(value)}`] : [],
    )
  const aliasAt = (index: number) => at.child('hostAliases').index(index).child('ip')
  const secretAt = (index: number) => at.child('imagePullSecrets').index(index).child('name')
  const names = imagePullSecrets.map(({ name = '' }) => name)
  return [
    ...repeated(
      hostAliases.map(({ ip }) => ip),
      'ip',
      aliasAt,
    ),
    ...repeated(names, 'name', secretAt),
    ...names.flatMap((name, index) =>
      name === '' ? [`${String(secretAt(index))}: invalid empty name ""`] : [],
    ),
  ]
}

/** A later value takes the place of an earlier one, unless it is built from it. */
function envWarnings({ env = [] }: Container | EphemeralContainer, at: FieldPath): string[] {
  return env.flatMap(({ name, value = '', valueFrom }, index) => {
    if (env.findIndex((other) => other.name === name) === index) return []
    const reference = `$(${name})`
    if (!valueFrom && value !== reference && value.includes(reference)) return []
    const where = at.index(index)
    return [
      `${String(where)}: hides previous definition of ${goQuote(name)}, which may be dropped when using apply`,
    ]
  })
}

function podAffinityWarnings({ affinity }: PodSpec, at: FieldPath): string[] {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) => {
    const field = at.child('affinity', kind)
    const terms = affinity?.[kind]
    const required = field.child('requiredDuringSchedulingIgnoredDuringExecution')
    const preferred = field.child('preferredDuringSchedulingIgnoredDuringExecution')
    return [
      ...(terms?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) =>
        term.labelSelector
          ? []
          : [`${String(required.index(index).child('labelSelector'))}: ${noLabelSelector}`],
      ),
      ...(terms?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) => {
        const where = preferred.index(index).child('podAffinityTerm', 'labelSelector')
        return term.podAffinityTerm.labelSelector ? [] : [`${String(where)}: ${noLabelSelector}`]
      }),
    ]
  })
}

/** Addresses in forms that went out of use. */
function addressWarnings({ dnsConfig, hostAliases = [] }: PodSpec, at: FieldPath): string[] {
  return [
    ...(dnsConfig?.nameservers ?? []).flatMap((server, index) =>
      warningsForIp(at.child('dnsConfig', 'nameservers').index(index), server),
    ),
    ...hostAliases.flatMap(({ ip }, index) =>
      warningsForIp(at.child('hostAliases').index(index).child('ip'), ip),
    ),
  ]
}
