import { jsonEqual } from '../../machinery/equal.ts'
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { validateCidrForLegacyField, warningsForCidr } from '../../machinery/validation/ip.ts'
import { labelValueErrors } from '../../machinery/validation/names.ts'
import { validateLabelName } from '../../machinery/validation/labels.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import { internalForm } from '../internal-form.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Writable } from '../../machinery/meta.ts'
import type { AvoidPods, Node, NodeSpec, Taint } from '../generated/core.v1.ts'
import { nodes } from '../generated/resources.ts'
import { annotatedList, annotatedValue } from './annotated-values.ts'
import { validateResourceQuantity } from './quantity-validation.ts'

const roleLabel = 'node-role.kubernetes.io/'

export const nodeDefinition: ResourceDefinition<Node> = {
  resource: nodes,
  singular: 'node',
  shortNames: ['no'],
  strategy: {
    tracksGeneration: false,
    allowCreateOnUpdate: false,
    defaults(node) {
      if (node.spec) unitePodRanges(node.spec)
      node.status ??= {}
      if (node.status.capacity && !node.status.allocatable)
        node.status.allocatable = { ...node.status.capacity }
    },
    validate: validateNode,
    warnings: nodeWarnings,
    validateUpdate: validateNodeUpdate,
    status: {
      isSetOnCreate: true,
      validateUpdate: (node, previous) => [...resourceErrors(node), ...validateNodeUpdate(node, previous)],
    },
  },
  columns: [
    nameColumn,
    column('Status', 'The status of the node', statusText),
    column('Roles', 'The roles of the node', rolesText),
    ageColumn,
    column(
      'Version',
      'Kubelet Version reported by the node.',
      ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
    ),
    wide(column('Internal-IP', 'Address inside the cluster.', (node) => addressOf(node, 'InternalIP'))),
    wide(column('External-IP', 'Address outside the cluster.', (node) => addressOf(node, 'ExternalIP'))),
    wide(
      column(
        'OS-Image',
        'OS Image reported by the node.',
        ({ status }) => status?.nodeInfo?.osImage || '<unknown>',
      ),
    ),
    wide(
      column(
        'Kernel-Version',
        'Kernel Version reported by the node.',
        ({ status }) => status?.nodeInfo?.kernelVersion || '<unknown>',
      ),
    ),
    wide(
      column(
        'Container-Runtime',
        'ContainerRuntime Version reported by the node.',
        ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
      ),
    ),
  ],
  selectableFields: ({ spec }) => ({ 'spec.unschedulable': `${spec?.unschedulable ?? false}` }),
}

function statusText({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const words = [ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown']
  if (spec?.unschedulable) words.push('SchedulingDisabled')
  return words.join(',')
}

function rolesText({ metadata }: Node): string {
  const roles = Object.entries(metadata?.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(roleLabel) && key.length > roleLabel.length) return [key.slice(roleLabel.length)]
    return key === 'kubernetes.io/role' && value ? [value] : []
  })
  return roles.length > 0 ? [...new Set(roles)].sort().join(',') : '<none>'
}

function addressOf({ status }: Node, wanted: string): string {
  return status?.addresses?.find(({ type }) => type === wanted)?.address ?? '<none>'
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

/** Source: kubernetes/pkg/apis/core/validation, ValidateNode. */
function validateNode(node: Node): FieldError[] {
  return [
    ...annotationErrors(node),
    ...taintErrors(node.spec?.taints ?? [], path('metadata', 'taints')),
    ...resourceErrors(node),
    ...rangeErrors(node),
  ]
}

const taintList = 'scheduler.alpha.kubernetes.io/taints'
const avoidedPods = 'scheduler.alpha.kubernetes.io/preferAvoidPods'

/** Taints from before there was a field for them, and pods that shall rather go elsewhere: nobody heeds them now. */
function annotationErrors({ metadata }: Node): FieldError[] {
  const field = path('metadata', 'annotations')
  const { [taintList]: taints, [avoidedPods]: avoided } = metadata?.annotations ?? {}
  const errors: FieldError[] = []
  if (taints) {
    const list = annotatedList<Taint>(taints, 'Taint')
    errors.push(
      ...('fault' in list
        ? [invalid(field, taintList, list.fault)]
        : taintErrors(list.value, field.child(taintList))),
    )
  }
  if (!avoided) return errors
  const read = annotatedValue<AvoidPods>(avoided, 'AvoidPods')
  if ('fault' in read) return [...errors, invalid(field.child('AvoidPods'), avoidedPods, read.fault)]
  for (const [index, { podSignature }] of (read.value.preferAvoidPods ?? []).entries()) {
    const at = field.child(avoidedPods).index(index).child('PodSignature')
    const controller = podSignature?.podController
    if (!controller) errors.push(required(at))
    else if (!controller.controller)
      errors.push(invalid(at.child('PodController', 'Controller'), false, 'must point to a controller'))
  }
  return errors
}

function taintErrors(taints: readonly Taint[], field: FieldPath): FieldError[] {
  const seen = new Set<string>()
  return taints.flatMap((taint, index) => {
    const { key, value = '', effect } = taint
    const at = field.index(index)
    const errors = validateLabelName(key, at.child('key'))
    const malformed = labelValueErrors(value)
    if (malformed.length > 0) errors.push(invalid(at.child('value'), value, malformed.join(';')))
    if (!effect) errors.push(required(at.child('effect')))
    else if (!effects.includes(effect)) errors.push(notSupported(at.child('effect'), effect, effects))
    const isRepeated = seen.size === seen.add(`${key} ${effect}`).size
    const detail = 'taints must be unique by key and effect pair'
    return isRepeated ? [...errors, duplicate(at, internalForm('core.v1.Taint', taint), detail)] : errors
  })
}

function resourceErrors({ status }: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, quantity]) =>
      validateResourceQuantity(name, quantity, path('status', list, name)),
    ),
  )
}

/** The ranges of pods' addresses: one of each family. */
function rangeErrors({ spec }: Node): FieldError[] {
  const ranges = spec?.podCIDRs ?? []
  const at = path('spec', 'podCIDRs')
  const errors = ranges.flatMap((range, index) => validateCidrForLegacyField(at.index(index), range))
  if (ranges.length < 2) return errors
  const families = new Set(ranges.map((range) => (range.includes(':') ? 6 : 4)))
  if (families.size < 2 || ranges.length > 2)
    errors.push(invalid(at, ranges, 'may specify no more than one CIDR for each IP family'))
  const repeated = [...ranges.entries()].filter(([index, range]) => ranges.indexOf(range) < index)
  return [...errors, ...repeated.map(([index, range]) => duplicate(at.index(index), range))]
}

/** Source: ValidateNodeUpdate. */
function addressErrors({ status }: Node): FieldError[] {
  const addresses = status?.addresses ?? []
  return addresses.flatMap((address, index) => {
    const isRepeated = addresses.slice(0, index).some((other) => jsonEqual(other, address))
    return isRepeated
      ? [duplicate(path('status', 'addresses').index(index), internalForm('core.v1.NodeAddress', address))]
      : []
  })
}

function validateNodeUpdate(node: Node, previous: Node): FieldError[] {
  const { spec } = node
  const errors = addressErrors(node)
  const old = previous.spec ?? {}
  const before = old.podCIDRs ?? []
  if (before.length > 0 && before.join() !== (spec?.podCIDRs ?? []).join()) {
    errors.push(
      forbidden(
        path('spec').child('podCIDRs'),
        'node updates may not change podCIDR except from "" to valid',
      ),
    )
  }
  if (old.providerID && old.providerID !== spec?.providerID) {
    errors.push(
      forbidden(
        path('spec').child('providerID'),
        'node updates may not change providerID except from "" to valid',
      ),
    )
  }
  const isKept = (name: 'podCIDRs' | 'providerID' | 'externalID') =>
    !old[name]?.length || jsonEqual(old[name], spec?.[name])
  const mayBeSaid = !spec?.externalID || spec.externalID === old.externalID
  if (!mayBeSaid || !isKept('podCIDRs') || !isKept('providerID') || !isKept('externalID'))
    errors.push(forbidden('[]', 'node updates may only change labels, taints, or capacity'))
  return errors
}

function nodeWarnings({ spec }: Node): string[] {
  const ranges = path('spec', 'podCIDRs')
  return [
    ...(spec?.configSource ? ['spec.configSource: the spec.configSource feature is removed'] : []),
    ...(spec?.externalID ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes'] : []),
    ...(spec?.podCIDRs ?? []).flatMap((range, index) => warningsForCidr(ranges.index(index), range)),
  ]
}

/** The list and the field of old say the same; where they do not, a client knows only the field. */
function unitePodRanges(spec: Writable<NodeSpec>): void {
  if (spec.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR]
  else if (spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0]
}
