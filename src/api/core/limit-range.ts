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
import { isHugePageName, isNativeResourceName } from './resource-names.ts'

export const limitRangeDefinition: ResourceDefinition<LimitRange> = {
  resource: limitRanges,
  singular: 'limitrange',
  shortNames: ['limits'],
  strategy: {
    tracksGeneration: false,
    /** One that nobody has named has a name that nothing else has. */
    prepareForCreate({ metadata }) {
      if (metadata?.uid) metadata.name ||= metadata.uid
    },
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

/** Source: ValidateLimitRange. Where the default is at fault upstream shows the bound it is compared with. */
function validateLimit(limit: LimitRangeItem, field: FieldPath): FieldError[] {
  const { type, min = {}, max = {}, maxLimitRequestRatio: ratios = {} } = limit
  const { default: defaults = {}, defaultRequest: requests = {} } = type === 'Pod' ? {} : limit
  const errors = nameErrors({ max, min }, type, field)
  if (type === 'Pod') {
    for (const name of ['default', 'defaultRequest'] as const)
      if (Object.keys(limit[name] ?? {}).length > 0)
        errors.push(forbidden(field.child(name), "may not be specified when `type` is 'Pod'"))
  }
  errors.push(...nameErrors({ default: defaults, defaultRequest: requests }, type, field))
  if (type === 'PersistentVolumeClaim' && min.storage === undefined && max.storage === undefined) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided'
    errors.push(required(field.child('limits'), detail))
  }
  errors.push(...nameErrors({ maxLimitRequestRatio: ratios }, type, field))
  const names = new Set([max, min, defaults, requests, ratios].flatMap((amounts) => Object.keys(amounts)))
  for (const name of names) {
    errors.push(...orderErrors(name, { min, max, default: defaults, defaultRequest: requests }, field))
    const ratio = ratios[name]
    const at = field.child('maxLimitRequestRatio').key(name)
    if (ratio !== undefined) errors.push(...ratioErrors(ratio, min[name], max[name], at))
    errors.push(...overcommitErrors(name, defaults[name], requests[name], field))
  }
  return errors
}

type Bound = 'min' | 'max' | 'default' | 'defaultRequest'

const words: Readonly<Record<Bound, string>> = {
  min: 'min',
  max: 'max',
  default: 'default',
  defaultRequest: 'default request',
}

/** Which may not be more than which, where that is said, and which of the two is shown. */
const bounds: readonly (readonly [less: Bound, more: Bound, at: Bound, shown: Bound, moreWords?: string])[] =
  [
    ['min', 'max', 'min', 'min'],
    ['min', 'defaultRequest', 'defaultRequest', 'defaultRequest'],
    ['defaultRequest', 'max', 'defaultRequest', 'defaultRequest'],
    ['defaultRequest', 'default', 'defaultRequest', 'defaultRequest', 'default limit'],
    ['min', 'default', 'default', 'min'],
    ['default', 'max', 'default', 'max'],
  ]

function orderErrors(
  name: string,
  amounts: Readonly<Record<Bound, Readonly<Record<string, Quantity>>>>,
  field: FieldPath,
): FieldError[] {
  return bounds.flatMap(([lessName, moreName, at, shown, moreWords = words[moreName]]) => {
    const [less, more] = [amounts[lessName][name], amounts[moreName][name]]
    if (less === undefined || more === undefined || compareQuantity(less, more) <= 0) return []
    const detail = `${words[lessName]} value ${less} is greater than ${moreWords} value ${more}`
    return [invalid(field.child(at).key(name), amounts[shown][name], detail)]
  })
}

/** What cannot be overcommitted is asked for as much as it may be used. */
function overcommitErrors(
  name: string,
  limit: Quantity | undefined,
  request: Quantity | undefined,
  field: FieldPath,
): FieldError[] {
  if (isNativeResourceName(name) && !isHugePageName(name)) return []
  if (limit === undefined || request === undefined || compareQuantity(limit, request) === 0) return []
  const detail = `default value ${limit} must equal to defaultRequest value ${request} in ${name}`
  return [invalid(field.child('defaultRequest').key(name), request, detail)]
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
      // One that is malformed is judged as a resource of containers all the same.
      const isOfContainers = type === 'Pod' || type === 'Container'
      if (name.includes('/') || (malformed.length > 0 && !isOfContainers)) return malformed
      const known = isOfContainers ? containerResources : standardResources
      if (known.includes(name) || isHugePageName(name)) return malformed
      const what =
        known === containerResources
          ? 'must be a standard resource for containers'
          : 'must be a standard resource type or fully qualified'
      return [...malformed, invalid(at, name, what)]
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
  if (quantityToFloat(ratio) > most / least) {
    const detail = `ratio ${ratio} is greater than max/min = ${(most / least).toFixed(6)}`
    errors.push(invalid(at, ratio, detail))
  }
  return errors
}
