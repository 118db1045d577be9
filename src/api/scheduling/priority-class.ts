import {
  forbidden,
  invalid,
  notSupported,
  path,
  type FieldError,
  required,
} from '../../machinery/field-error.ts'
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
    validate: validatePriorityClass,
    validateUpdate: (next, previous) => [
      ...(next.value === previous.value
        ? []
        : [forbidden(path('value'), 'may not be changed in an update.')]),
      ...(next.preemptionPolicy === previous.preemptionPolicy
        ? []
        : [invalid(path('preemptionPolicy'), next.preemptionPolicy, 'field is immutable')]),
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

function validatePriorityClass({ metadata, value = 0, preemptionPolicy }: PriorityClass): FieldError[] {
  const { name = '' } = metadata ?? {}
  const errors: FieldError[] = []
  const systemValue = systemPriorities[name]
  if (name.startsWith('system-') && systemValue === undefined) {
    errors.push(
      forbidden(
        path('metadata').child('name'),
        "priority class names with 'system-' prefix are reserved for system use only. error: " +
          name +
          ' is not a known system priority class',
      ),
    )
  }
  if (systemValue === undefined && value > highestUserPriority) {
    errors.push(
      forbidden(path('value'), `maximum allowed value of a user defined priority is ${highestUserPriority}`),
    )
  }
  if (systemValue !== undefined && value !== systemValue) {
    errors.push(
      forbidden(
        path('metadata').child('name'),
        "priority class names with 'system-' prefix are reserved for system use only. error: value of " +
          name +
          ` PriorityClass must be ${systemValue}`,
      ),
    )
  }
  if (preemptionPolicy !== undefined && !preemptionPolicy) errors.push(required(path('preemptionPolicy')))
  else if (preemptionPolicy !== undefined && !['PreemptLowerPriority', 'Never'].includes(preemptionPolicy)) {
    errors.push(notSupported(path('preemptionPolicy'), preemptionPolicy, ['PreemptLowerPriority', 'Never']))
  }
  return errors
}
