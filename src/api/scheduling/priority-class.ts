import { forbidden, notSupported, path, required, type FieldError } from '../../machinery/field-error.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { PriorityClass } from '../generated/scheduling.v1.ts'
import { priorityClasses } from '../generated/resources.ts'

/** Greater values are for the system's own classes. */
const highestUserPriority = 1_000_000_000

/** Classes that every cluster has. */
const systemPriorities: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
}

export const priorityClassDefinition: ResourceDefinition<PriorityClass> = {
  resource: priorityClasses,
  singular: 'priorityclass',
  shortNames: ['pc'],
  strategy: {
    // All that could change by an update is its description, and upstream does not count that.
    raisesGeneration: () => false,
    defaults(priorityClass) {
      priorityClass.preemptionPolicy ??= 'PreemptLowerPriority'
    },
    validatesUpdateAlone: true,
    validate: validatePriorityClass,
    validateUpdate: (next, previous) => [
      ...((next.value ?? 0) === (previous.value ?? 0)
        ? []
        : [forbidden(path('value'), 'may not be changed in an update.')]),
      ...validateImmutableField(next.preemptionPolicy, previous.preemptionPolicy, path('preemptionPolicy')),
    ],
  },
  columns: [
    nameColumn,
    integerColumn('Value', 'The priority.', ({ value }) => value ?? 0),
    column(
      'Global-Default',
      'Whether pods without a class have it.',
      ({ globalDefault }) => `${globalDefault ?? false}`,
    ),
    ageColumn,
    column(
      'PreemptionPolicy',
      'Whether its pods may take the place of others.',
      ({ preemptionPolicy }) => preemptionPolicy ?? '',
    ),
  ],
}

const preemptionPolicies = ['PreemptLowerPriority', 'Never']

/** Source: kubernetes/pkg/apis/scheduling/validation. */
function validatePriorityClass({ metadata, value = 0, ...rest }: PriorityClass): FieldError[] {
  const { globalDefault = false, preemptionPolicy } = rest
  const { name = '' } = metadata ?? {}
  const errors: FieldError[] = []
  if (name.startsWith('system-')) {
    const fault = systemClassFault(name, value, globalDefault)
    const detail = `priority class names with 'system-' prefix are reserved for system use only. error: ${fault}`
    if (fault !== undefined) errors.push(forbidden(path('metadata', 'name'), detail))
  } else if (value > highestUserPriority) {
    const detail = `maximum allowed value of a user defined priority is ${highestUserPriority}`
    errors.push(forbidden(path('value'), detail))
  }
  const at = path('preemptionPolicy')
  if (preemptionPolicy !== undefined && !preemptionPolicy) errors.push(required(at))
  else if (preemptionPolicy !== undefined && !preemptionPolicies.includes(preemptionPolicy))
    errors.push(notSupported(at, preemptionPolicy, preemptionPolicies))
  return errors
}

function systemClassFault(name: string, value: number, globalDefault: boolean): string | undefined {
  const systemValue = systemPriorities[name]
  if (systemValue === undefined) return `${name} is not a known system priority class`
  if (value !== systemValue) return `value of ${name} PriorityClass must be ${systemValue}`
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined
}
