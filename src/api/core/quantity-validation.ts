import { invalid, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import type { Quantity } from '../../machinery/meta.ts'
import {
  canonicalQuantity,
  quantityMilliValue,
  quantitySign,
  quantityValue,
} from '../../machinery/quantity.ts'
import { negativeMessage } from '../../machinery/validation/object-meta.ts'
import { isExtendedResourceName } from './resource-names.ts'

/** Things that are counted: there is no half of one. Source: kubernetes/pkg/apis/core/helper. */
const countedResources: ReadonlySet<string> = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
  'services.loadbalancers',
  'services.nodeports',
])

/** An amount of a resource: not negative, and whole where pieces are counted. Source: ValidateResourceQuantityValue. */
export function validateResourceQuantity(name: string, quantity: Quantity, at: FieldPath): FieldError[] {
  const errors = validateNonnegativeQuantity(quantity, at)
  const isCounted = countedResources.has(name) || isExtendedResourceName(name)
  if (isCounted && quantityMilliValue(quantity) % 1000 !== 0)
    errors.push(invalid(at, canonicalQuantity(quantity), 'must be an integer'))
  return errors
}

function validateNonnegativeQuantity(quantity: Quantity, at: FieldPath): FieldError[] {
  return quantitySign(quantity) < 0 ? [invalid(at, canonicalQuantity(quantity), negativeMessage)] : []
}

export function validatePositiveQuantity(quantity: Quantity, at: FieldPath): FieldError[] {
  return quantitySign(quantity) <= 0
    ? [invalid(at, canonicalQuantity(quantity), 'must be greater than zero')]
    : []
}

/** Source: validateBasicResource. */
export function validateBasicQuantity(quantity: Quantity, at: FieldPath): FieldError[] {
  const value = quantityValue(quantity)
  return value < 0 ? [invalid(at, value, 'must be a valid resource quantity')] : []
}
