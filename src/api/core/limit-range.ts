import type { Quantity } from '../../machinery/meta.ts'
import { compareQuantity } from '../../machinery/quantity.ts'
import {
  duplicate,
  forbidden,
  invalid,
  path,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { column, nameColumn } from '../columns.ts'
import { timeSince } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { LimitRange, LimitRangeItem } from '../generated/core.v1.ts'
import { limitRanges } from '../generated/resources.ts'

export const limitRangeDefinition: ResourceDefinition<LimitRange> = {
  resource: limitRanges,
  singular: 'limitrange',
  shortNames: ['limits'],
  strategy: {
    tracksGeneration: false,
    defaults({ spec }) {
      for (const limit of spec?.limits ?? []) if (limit.type === 'Container') defaultContainerLimit(limit)
    },
    validate: ({ spec }) => {
      const types = new Set<string>()
      return (spec?.limits ?? []).flatMap((limit, index) => {
        const field = path('spec').child('limits').index(index)
        const errors = types.has(limit.type) ? [duplicate(field.child('type'), limit.type)] : []
        types.add(limit.type)
        return [...errors, ...validateLimit(limit, field)]
      })
    },
  },
  columns: [
    nameColumn,
    column('Created At', 'When the limit range was created.', ({ metadata }, now) =>
      timeSince(metadata?.creationTimestamp, now),
    ),
  ],
}

type Amounts = Record<string, Quantity>

/** A maximum is the default limit, the default limit or the minimum the default request. */
function defaultContainerLimit(limit: {
  max?: Amounts
  min?: Amounts
  default?: Amounts
  defaultRequest?: Amounts
}): void {
  const limits = { ...limit.max, ...limit.default }
  const requests = { ...limits, ...limit.min, ...limit.default, ...limit.defaultRequest }
  if (Object.keys(limits).length > 0) limit.default = limits
  if (Object.keys(requests).length > 0) limit.defaultRequest = requests
}

function validateLimit(
  { type, min = {}, max = {}, default: defaults = {}, defaultRequest = {} }: LimitRangeItem,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (type === 'Pod') {
    if (Object.keys(defaults).length > 0)
      errors.push(forbidden(field.child('default'), "may not be specified when `type` is 'Pod'"))
    if (Object.keys(defaultRequest).length > 0)
      errors.push(forbidden(field.child('defaultRequest'), "may not be specified when `type` is 'Pod'"))
  }
  for (const name of new Set(
    [min, max, defaults, defaultRequest].flatMap((amounts) => Object.keys(amounts)),
  )) {
    const order = [
      ['min', min[name], 'max', max[name]],
      ['min', min[name], 'default', defaults[name]],
      ['min', min[name], 'defaultRequest', defaultRequest[name]],
      ['defaultRequest', defaultRequest[name], 'max', max[name]],
      ['defaultRequest', defaultRequest[name], 'default', defaults[name]],
      ['default', defaults[name], 'max', max[name]],
    ] as const
    for (const [lessName, less, moreName, more] of order) {
      if (less === undefined || more === undefined || compareQuantity(less, more) <= 0) continue
      const words: Readonly<Record<string, string>> = {
        min: 'min',
        max: 'max',
        default: 'default',
        defaultRequest: 'default request',
      }
      errors.push(
        invalid(
          field.child(lessName).key(name),
          less,
          `${words[lessName]} value ${less} is greater than ${words[moreName]} value ${more}`,
        ),
      )
    }
  }
  return errors
}
