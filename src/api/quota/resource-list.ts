import type { Quantity } from '../../machinery/meta.ts'
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  quantitySign,
  subtractQuantity,
} from '../../machinery/quantity.ts'

/*
 * Arithmetic over amounts of several resources, exact and in the users' own units.
 * Source: k8s.io/apiserver/pkg/quota/v1/resources.go.
 */

/** Amounts by resource name: `{ cpu: '100m', pods: '1' }`. */
export type ResourceList = Readonly<Record<string, Quantity>>

/** Of each resource that either names, the sum. */
export function addResources(a: ResourceList, b: ResourceList): ResourceList {
  const result: Record<string, Quantity> = { ...a }
  for (const [name, quantity] of Object.entries(b)) {
    const present = result[name]
    result[name] = present === undefined ? quantity : formatQuantity(addQuantity(present, quantity))
  }
  return result
}

/** `a` less `b`; what would be negative is zero. */
export function subtractResources(a: ResourceList, b: ResourceList): ResourceList {
  const result: Record<string, Quantity> = {}
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const difference = subtractQuantity(a[name] ?? '0', b[name] ?? '0')
    result[name] = quantitySign(difference) < 0 ? '0' : formatQuantity(difference)
  }
  return result
}

/** Of each resource that either names, the larger amount. */
export function maxResources(a: ResourceList, b: ResourceList): ResourceList {
  const result: Record<string, Quantity> = { ...a }
  for (const [name, quantity] of Object.entries(b)) {
    const present = result[name]
    if (present === undefined || compareQuantity(quantity, present) > 0) result[name] = quantity
  }
  return result
}

/** Only these resources. */
export function maskResources(list: ResourceList, names: Iterable<string>): ResourceList {
  const result: Record<string, Quantity> = {}
  for (const name of names) if (list[name] !== undefined) result[name] = list[name]
  return result
}

/** The resources of which `a` has more than `b` allows, in order. */
export function exceedingResources(a: ResourceList, b: ResourceList): readonly string[] {
  return Object.keys(a)
    .filter((name) => b[name] !== undefined && compareQuantity(a[name]!, b[name]) > 0)
    .sort()
}

export function negativeResources(list: ResourceList): readonly string[] {
  return Object.keys(list).filter((name) => quantitySign(list[name]!) < 0)
}

export function withoutZeros(list: ResourceList): ResourceList {
  return Object.fromEntries(Object.entries(list).filter(([, quantity]) => quantitySign(quantity) !== 0))
}

/** Whether both name the same resources with the same amounts, however written. */
export function sameResources(a: ResourceList, b: ResourceList): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => b[name] !== undefined && compareQuantity(a[name]!, b[name]) === 0)
  )
}

/** `cpu=100m,pods=1`, in order. */
export function describeResources(list: ResourceList): string {
  return Object.keys(list)
    .sort()
    .map((name) => `${name}=${canonicalQuantity(list[name]!)}`)
    .join(',')
}
