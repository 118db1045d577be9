import type { Quantity } from '../../machinery/meta.ts'
import { compareQuantity, quantityToFloat } from '../../machinery/quantity.ts'
import { qualifiedNameErrors } from '../../machinery/validation/names.ts'
import {
  duplicate,
  forbidden,
  invalid,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { column, nameColumn } from '../columns.ts'
import { timeSince } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { LimitRange, LimitRangeItem } from '../generated/core.v1.ts'
import { limitRanges } from '../generated/resources.ts'
import { isHugePageName } from './resource-names.ts'

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
        const errors = [
          ...typeErrors(limit.type, field.child('type')),
          ...(types.has(limit.type) ? [duplicate(field.child('type'), limit.type)] : []),
        ]
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

const standardTypes = ['Container', 'PersistentVolumeClaim', 'Pod']
const containerResources = ['cpu', 'memory', 'ephemeral-storage']
const standardResources = [...containerResources, 'storage', 'requests.storage']

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
  {
    type,
    min = {},
    max = {},
    default: defaults = {},
    defaultRequest = {},
    maxLimitRequestRatio: ratios = {},
  }: LimitRangeItem,
  field: FieldPath,
): FieldError[] {
  const errors = nameErrors(
    { min, max, default: defaults, defaultRequest, maxLimitRequestRatio: ratios },
    type,
    field,
  )
  if (type === 'PersistentVolumeClaim' && min.storage === undefined && max.storage === undefined)
    errors.push(
      required(
        field.child('limits'),
        'either minimum or maximum storage value is required, but neither was provided',
      ),
    )
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
  for (const [name, ratio] of Object.entries(ratios))
    errors.push(...ratioErrors(ratio, min[name], max[name], field.child('maxLimitRequestRatio').key(name)))
  return errors
}

/** A kind of thing: one of Kubernetes', or one with a domain. */
function typeErrors(type: string, at: FieldPath): FieldError[] {
  const malformed = qualifiedNameErrors(type).map((message) => invalid(at, type, message))
  if (malformed.length > 0 || type.includes('/') || standardTypes.includes(type)) return malformed
  return [invalid(at, type, 'must be a standard limit type or fully qualified')]
}

/** Resources with a known name, or with a domain. */
function nameErrors(
  lists: Readonly<Record<string, Readonly<Record<string, Quantity>>>>,
  type: string,
  field: FieldPath,
): FieldError[] {
  return Object.entries(lists).flatMap(([list, amounts]) =>
    Object.keys(amounts).flatMap((name) => {
      const at = field.child(list).key(name)
      const malformed = qualifiedNameErrors(name).map((message) => invalid(at, name, message))
      if (malformed.length > 0 || name.includes('/')) return malformed
      const known = type === 'Pod' || type === 'Container' ? containerResources : standardResources
      if (known.includes(name) || isHugePageName(name)) return []
      const what =
        known === containerResources
          ? 'must be a standard resource for containers'
          : 'must be a standard resource type or fully qualified'
      return [invalid(at, name, what)]
    }),
  )
}

function ratioErrors(
  ratio: Quantity,
  min: Quantity | undefined,
  max: Quantity | undefined,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (compareQuantity(ratio, '1') < 0) errors.push(invalid(at, ratio, `ratio ${ratio} is less than 1`))
  if (min === undefined || max === undefined) return errors
  const [least, most] = [quantityToFloat(min), quantityToFloat(max)]
  if (least > 0 && quantityToFloat(ratio) > most / least) {
    const detail = `ratio ${ratio} is greater than max/min = ${(most / least).toFixed(6)}`
    errors.push(invalid(at, ratio, detail))
  }
  return errors
}
