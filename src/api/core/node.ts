import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
} from '../../machinery/field-error.ts'
import { labelValueErrors } from '../../machinery/validation/names.ts'
import { validateLabelName } from '../../machinery/validation/labels.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Node } from '../generated/core.v1.ts'
import { nodes } from '../generated/resources.ts'

const roleLabel = 'node-role.kubernetes.io/'

export const nodeDefinition: ResourceDefinition<Node> = {
  resource: nodes,
  singular: 'node',
  shortNames: ['no'],
  strategy: {
    tracksGeneration: false,
    allowCreateOnUpdate: false,
    defaults(node) {
      node.status ??= {}
      if (node.status.capacity && !node.status.allocatable)
        node.status.allocatable = { ...node.status.capacity }
    },
    validate: validateNode,
    validateUpdate: validateNodeUpdate,
    status: { isSetOnCreate: true },
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

function validateNode({ spec }: Node): FieldError[] {
  const errors: FieldError[] = []
  const field = path('metadata').child('taints')
  const seen = new Set<string>()
  for (const [index, { key, value, effect }] of (spec?.taints ?? []).entries()) {
    const at = field.index(index)
    errors.push(...validateLabelName(key, at.child('key')))
    if (value)
      errors.push(...labelValueErrors(value).map((message) => invalid(at.child('value'), value, message)))
    if (!effect) errors.push(required(at.child('effect')))
    else if (!effects.includes(effect)) errors.push(notSupported(at.child('effect'), effect, effects))
    const id = `${key} ${effect}`
    if (seen.has(id)) {
      errors.push(invalid(at, { key, effect }, 'taints must be unique by key and effect pair'))
    }
    seen.add(id)
  }
  return errors
}

function validateNodeUpdate({ spec }: Node, previous: Node): FieldError[] {
  const errors: FieldError[] = []
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
  return errors
}
