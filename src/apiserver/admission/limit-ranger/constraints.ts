import type { LimitRangeItem } from '../../../api/generated/core.v1.ts'
import type { ResourceList } from '../../../api/quota/resource-list.ts'
import type { Quantity } from '../../../machinery/meta.ts'
import {
  canonicalQuantity,
  compareQuantity,
  quantitySign,
  quantityToFloat,
} from '../../../machinery/quantity.ts'

/** Amounts that a container, a pod or a claim has. */
export interface Amounts {
  readonly requests: ResourceList
  readonly limits: ResourceList
}

/** What a limit range does not allow, in upstream's words. Source: kubernetes/plugin/pkg/admission/limitranger. */
export function limitFaults(item: LimitRangeItem, amounts: Amounts): readonly string[] {
  const faults = [
    ...each(item.min, (name, bound) => minFault(item.type, name, bound, amounts)),
    ...each(item.max, (name, bound) => maxFault(item.type, name, bound, amounts)),
    // A claim has no limits.
    ...(item.type === 'PersistentVolumeClaim'
      ? []
      : each(item.maxLimitRequestRatio, (name, bound) => ratioFault(item.type, name, bound, amounts))),
  ]
  return faults
}

function each(
  bounds: ResourceList | undefined,
  check: (name: string, bound: Quantity) => string | undefined,
): readonly string[] {
  return Object.keys(bounds ?? {})
    .sort()
    .flatMap((name) => check(name, bounds![name]!) ?? [])
}

function minFault(type: string, name: string, bound: Quantity, amounts: Amounts): string | undefined {
  const { [name]: request } = amounts.requests
  const { [name]: limit } = amounts.limits
  const subject = `minimum ${name} usage per ${type} is ${canonicalQuantity(bound)}`
  if (request === undefined) return `${subject}.  No request is specified`
  if (compareQuantity(request, bound) < 0) return `${subject}, but request is ${canonicalQuantity(request)}`
  if (limit !== undefined && compareQuantity(limit, bound) < 0) {
    return `${subject}, but limit is ${canonicalQuantity(limit)}`
  }
  return undefined
}

/** A claim has requests only. */
function maxFault(type: string, name: string, bound: Quantity, amounts: Amounts): string | undefined {
  const { [name]: request } = amounts.requests
  const { [name]: limit } = amounts.limits
  const subject = `maximum ${name} usage per ${type} is ${canonicalQuantity(bound)}`
  if (type === 'PersistentVolumeClaim') {
    if (request === undefined) return `${subject}.  No request is specified`
  } else {
    if (limit === undefined) return `${subject}.  No limit is specified`
    if (compareQuantity(limit, bound) > 0) return `${subject}, but limit is ${canonicalQuantity(limit)}`
  }
  if (request !== undefined && compareQuantity(request, bound) > 0) {
    return `${subject}, but request is ${canonicalQuantity(request)}`
  }
  return undefined
}

function ratioFault(type: string, name: string, bound: Quantity, amounts: Amounts): string | undefined {
  const { [name]: request } = amounts.requests
  const { [name]: limit } = amounts.limits
  const subject = `${name} max limit to request ratio per ${type} is ${canonicalQuantity(bound)}`
  if (request === undefined || quantitySign(request) === 0) {
    return `${subject}, but no request is specified or request is 0`
  }
  if (limit === undefined || quantitySign(limit) === 0) {
    return `${subject}, but no limit is specified or limit is 0`
  }
  const ratio = quantityToFloat(limit) / quantityToFloat(request)
  return ratio > quantityToFloat(bound) ? `${subject}, but provided ratio is ${ratio.toFixed(6)}` : undefined
}
