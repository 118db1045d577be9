import { semanticEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { dns1123LabelErrors } from '../../machinery/validation/names.ts'
import { validateLabels } from '../../machinery/validation/labels.ts'
import { validateAnnotations } from '../../machinery/validation/object-meta.ts'
import { validateClaimSpec } from '../core/claim-validation.ts'
import { validatePodAnnotations } from '../core/pod/pod-annotations.ts'
import { validatePodTemplate } from '../core/pod/pod-validation.ts'
import { structSchema } from '../fact-schemas.ts'
import type {
  RollingUpdateStatefulSetStrategy,
  StatefulSetPersistentVolumeClaimRetentionPolicy,
  StatefulSetSpec,
  StatefulSetUpdateStrategy,
} from '../generated/apps.v1.ts'
import type { PersistentVolumeClaim, PodTemplateSpec, Volume } from '../generated/core.v1.ts'
import { internalForm } from '../internal-form.ts'
import { atMostAll, shareOf, validateShare } from './deployment.ts'
import { nonNegative, onlyRunning, validateSelection } from './workload.ts'

/* Source: kubernetes/pkg/apis/apps/validation, in its order. */

/** What is not looked at: what cannot be changed, and so cannot be mended, and templates that were wrong before. */
interface Leniency {
  readonly fixedFields?: boolean
  readonly template?: boolean
}

export function validateStatefulSetSpec(
  spec: StatefulSetSpec | undefined,
  { fixedFields = false, template = false }: Leniency = {},
): FieldError[] {
  const field = path('spec')
  if (!spec) return [required(field)]
  const { serviceName } = spec
  const templateAt = field.child('template')
  return [
    ...podManagementErrors(spec.podManagementPolicy, field.child('podManagementPolicy')),
    ...strategyErrors(spec.updateStrategy ?? {}, field.child('updateStrategy')),
    ...retentionErrors(
      spec.persistentVolumeClaimRetentionPolicy,
      field.child('persistentVolumeClaimRetentionPolicy'),
    ),
    ...(fixedFields ? [] : claimErrors(spec.volumeClaimTemplates ?? [], field.child('volumeClaimTemplates'))),
    ...nonNegative(spec.replicas, field.child('replicas')),
    ...nonNegative(spec.minReadySeconds, field.child('minReadySeconds')),
    ...nonNegative(spec.ordinals?.start, field.child('ordinals', 'start')),
    ...(serviceName && !fixedFields
      ? invalidFor(field.child('serviceName'), serviceName, dns1123LabelErrors(serviceName))
      : []),
    ...validateSelection(spec, field, 'statefulset', () =>
      templateErrors(effectiveTemplate(spec), templateAt, template),
    ),
    ...onlyRunning(spec.template, templateAt, 'StatefulSet'),
  ]
}

function podManagementErrors(policy: string | undefined, at: FieldPath): FieldError[] {
  if (!policy) return [required(at)]
  if (policy === 'OrderedReady' || policy === 'Parallel') return []
  return [invalid(at, policy, "must be 'OrderedReady' or 'Parallel'")]
}

function strategyErrors(strategy: StatefulSetUpdateStrategy, at: FieldPath): FieldError[] {
  const { type, rollingUpdate } = strategy
  const rollingAt = at.child('rollingUpdate')
  switch (type ?? '') {
    case '':
      return [required(at)]
    case 'OnDelete':
      return rollingUpdate
        ? [
            invalid(
              rollingAt,
              printedRollingUpdate(rollingUpdate),
              "only allowed for updateStrategy 'RollingUpdate'",
            ),
          ]
        : []
    case 'RollingUpdate':
      return rollingUpdate ? rollingUpdateErrors(rollingUpdate, rollingAt) : []
    default: {
      const printed = {
        Type: type,
        RollingUpdate: rollingUpdate ? printedRollingUpdate(rollingUpdate) : null,
      }
      return [invalid(at, printed, "must be 'RollingUpdate' or 'OnDelete'")]
    }
  }
}

function printedRollingUpdate({ partition = 0, ...rest }: RollingUpdateStatefulSetStrategy) {
  return internalForm('apps.v1.RollingUpdateStatefulSetStrategy', { partition, ...rest })
}

function rollingUpdateErrors(
  { partition, maxUnavailable }: RollingUpdateStatefulSetStrategy,
  field: FieldPath,
): FieldError[] {
  const errors = nonNegative(partition, field.child('partition'))
  if (maxUnavailable === undefined) return errors
  const at = field.child('maxUnavailable')
  errors.push(...validateShare(maxUnavailable, at))
  if (shareOf(maxUnavailable) === 0) errors.push(invalid(at, maxUnavailable, 'cannot be 0'))
  return [...errors, ...atMostAll(maxUnavailable, at)]
}

const retention = ['Retain', 'Delete']

function retentionErrors(
  policy: StatefulSetPersistentVolumeClaimRetentionPolicy | undefined,
  field: FieldPath,
): FieldError[] {
  if (!policy) return []
  return (['whenDeleted', 'whenScaled'] as const).flatMap((name) => {
    const value = policy[name] ?? ''
    return retention.includes(value) ? [] : [notSupported(field.child(name), value, retention)]
  })
}

function claimErrors(claims: readonly PersistentVolumeClaim[], field: FieldPath): FieldError[] {
  return claims.flatMap(({ spec }, index) => validateClaimSpec(spec, field.index(index).child('spec')))
}

/** As pods get it: with a volume for each claim, in the place of one of that name, and named by the controller. */
function effectiveTemplate({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  if (!template.spec) return template
  const claimed = new Map(volumeClaimTemplates.map(({ metadata }) => volumeOf(metadata?.name ?? '')))
  const { hostname: _hostname, subdomain: _subdomain, volumes = [], ...spec } = template.spec
  const kept = volumes.filter(({ name }) => !claimed.has(name))
  return { ...template, spec: { ...spec, volumes: [...claimed.values(), ...kept] } }
}

function volumeOf(name: string): readonly [name: string, volume: Volume] {
  return [name, { name, persistentVolumeClaim: { claimName: name } }]
}

/** Upstream looks twice at what is said about the template. */
function templateErrors(template: PodTemplateSpec, field: FieldPath, metadataAlone: boolean): FieldError[] {
  const { metadata, spec } = template
  const annotations = field.child('annotations')
  return [
    ...(metadataAlone ? [] : validatePodTemplate(template, field)),
    ...validateLabels(metadata?.labels, field.child('labels')),
    ...validateAnnotations(metadata?.annotations, annotations),
    ...(spec ? validatePodAnnotations(metadata?.annotations, spec, annotations) : []),
  ]
}

const mutable = new Set([
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
])

export function validateStatefulSetUpdate(
  spec: StatefulSetSpec | undefined,
  previous: StatefulSetSpec | undefined,
): FieldError[] {
  const wasWrong = validateStatefulSetSpec(previous, { fixedFields: true }).length > 0
  const errors = validateStatefulSetSpec(spec, { fixedFields: true, template: wasWrong })
  const schema = structSchema('apps.v1.StatefulSetSpec')
  if (semanticEqual(fixedFieldsOf(spec), fixedFieldsOf(previous), schema)) return errors
  const message =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
  return [...errors, forbidden(path('spec'), message)]
}

function fixedFieldsOf(spec: StatefulSetSpec | undefined): object {
  return Object.fromEntries(Object.entries(spec ?? {}).filter(([name]) => !mutable.has(name)))
}
