import {
  duplicate,
  forbidden,
  invalid,
  invalidFor,
  notFound,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import type { Quantity } from '../../../machinery/meta.ts'
import { canonicalQuantity, compareQuantity, quantityValue } from '../../../machinery/quantity.ts'
import { dns1123LabelErrors, qualifiedNameErrors } from '../../../machinery/validation/names.ts'
import type { ResourceRequirements } from '../../generated/core.v1.ts'
import { validateResourceQuantity } from '../quantity-validation.ts'
import { isExtendedResourceName, isHugePageName, isNativeResourceName } from '../resource-names.ts'

const standard = new Set(['cpu', 'memory', 'ephemeral-storage'])
const podLevel = new Set(['cpu', 'memory'])

export interface ResourceRules {
  /** Of a pod as a whole, where fewer resources may be named. */
  readonly isPodLevel?: boolean
  /** Claims of the pod that a container may use. */
  readonly claimNames?: ReadonlySet<string>
}

/** Amounts of cpu, memory and the like, and of extended resources. Source: validateResourceRequirements. */
export function validateResources(
  { limits = {}, requests = {}, claims = [] }: ResourceRequirements,
  field: FieldPath,
  { isPodLevel = false, claimNames = new Set() }: ResourceRules = {},
): FieldError[] {
  const nameRule = isPodLevel ? validatePodResourceName : validateResourceName
  const errors: FieldError[] = []
  for (const [name, quantity] of Object.entries(limits)) {
    const at = field.child('limits').key(name)
    errors.push(...nameRule(name, at), ...amountErrors(name, quantity, at))
  }
  for (const [name, quantity] of Object.entries(requests)) {
    const at = field.child('requests').key(name)
    errors.push(...nameRule(name, at), ...validateResourceQuantity(name, quantity, at))
    errors.push(...requestErrors(name, quantity, limits[name], field))
    errors.push(...hugePageErrors(name, quantity, at))
  }
  const names = [...Object.keys(limits), ...Object.keys(requests)]
  if (names.some(isHugePageName) && !names.includes('cpu') && !names.includes('memory'))
    errors.push(forbidden(field, 'HugePages require cpu or memory'))
  return [...errors, ...claimErrors(claims, claimNames, field.child('claims'))]
}

function amountErrors(name: string, quantity: Quantity, at: FieldPath): FieldError[] {
  return [...validateResourceQuantity(name, quantity, at), ...hugePageErrors(name, quantity, at)]
}

function requestErrors(
  name: string,
  quantity: Quantity,
  limit: Quantity | undefined,
  field: FieldPath,
): FieldError[] {
  const at = field.child('requests')
  if (limit === undefined) {
    const detail = 'Limit must be set for non overcommitable resources'
    return overcommits(name) ? [] : [required(field.child('limits'), detail)]
  }
  const order = compareQuantity(quantity, limit)
  const asked = canonicalQuantity(quantity)
  const allowed = `${name} limit of ${canonicalQuantity(limit)}`
  if (order !== 0 && !overcommits(name)) return [invalid(at, asked, `must be equal to ${allowed}`)]
  return order > 0 ? [invalid(at, asked, `must be less than or equal to ${allowed}`)] : []
}

/** Only what the kernel can share may be requested in part. */
function overcommits(name: string): boolean {
  return isNativeResourceName(name) && !isHugePageName(name)
}

function hugePageErrors(name: string, quantity: Quantity, at: FieldPath): FieldError[] {
  if (!isHugePageName(name)) return []
  const value = quantityValue(quantity)
  const size = pageSizeOf(name)
  if (size !== undefined && size > 0 && value % size === 0) return []
  const text = canonicalQuantity(quantity)
  return [invalid(at, text, `${text} is not positive integer multiple of ${name}`)]
}

function pageSizeOf(name: string): number | undefined {
  const size = name.slice('hugepages-'.length)
  return /^[0-9.]+([kMGTPE]i?)?$/.test(size) ? quantityValue(size) : undefined
}

/** A name of a resource that a container may ask for. */
export function validateResourceName(name: string, field: FieldPath): FieldError[] {
  const malformed = qualifiedNameErrors(name)
  if (malformed.length > 0) {
    const errors = invalidFor(field, name, malformed)
    return isSimple(name) && !isStandard(name)
      ? [...errors, invalid(field, name, 'must be a standard resource for containers')]
      : errors
  }
  if (isSimple(name)) {
    if (isStandard(name)) return []
    const errors = isKnown(name)
      ? []
      : [invalid(field, name, 'must be a standard resource type or fully qualified')]
    return [...errors, invalid(field, name, 'must be a standard resource for containers')]
  }
  if (!isNativeResourceName(name) && !isExtendedResourceName(name))
    return [invalid(field, name, "doesn't follow extended resource name standard")]
  return []
}

function isSimple(name: string): boolean {
  return !name.includes('/')
}

function isStandard(name: string): boolean {
  return standard.has(name) || isHugePageName(name)
}

/** Names without a domain that mean something somewhere, if not here: in quotas and limit ranges. */
function isKnown(name: string): boolean {
  return isStandard(name) || knownElsewhere.test(name)
}

const knownElsewhere =
  /^((requests|limits)\.(cpu|memory|ephemeral-storage)|(requests\.)?(storage|hugepages-.*)|pods|services(\.(nodeports|loadbalancers))?|replicationcontrollers|resourcequotas|secrets|configmaps|persistentvolumeclaims)$/

/** A name of a resource that a pod may ask for as a whole. Source: validatePodResourceName. */
function validatePodResourceName(name: string, field: FieldPath): FieldError[] {
  const malformed = qualifiedNameErrors(name)
  if (malformed.length > 0) return invalidFor(field, name, malformed)
  if (podLevel.has(name) || isHugePageName(name)) return []
  if (isSimple(name) && !isKnown(name))
    return [invalid(field, name, 'must be a standard resource type or fully qualified')]
  return [notSupported(field, name, ['cpu', 'hugepages-', 'memory'])]
}

/** Claims that the pod has, each once, or each of their requests once. Source: validateResourceClaimNames. */
function claimErrors(
  claims: NonNullable<ResourceRequirements['claims']>,
  claimNames: ReadonlySet<string>,
  field: FieldPath,
): FieldError[] {
  const seen = new Set<string>()
  return claims.flatMap(({ name, request = '' }, index) => {
    const at = field.index(index)
    if (!name) return [required(at)]
    const errors: FieldError[] = []
    if (seen.has(name)) errors.push(duplicate(at, name))
    else {
      const key = request === '' ? name : `${name}/${request}`
      if (request !== '')
        errors.push(...invalidFor(at.child('request'), request, dns1123LabelErrors(request)))
      const overlaps = [...seen].filter((other) => other.startsWith(`${name}/`))
      if (seen.has(key)) errors.push(duplicate(at, key))
      else if (request === '') errors.push(...overlaps.map(() => duplicate(at, name)))
      seen.add(key)
    }
    if (!claimNames.has(name)) errors.push(notFound(at, name, claimNamesText(claimNames)))
    return errors
  })
}

function claimNamesText(names: ReadonlySet<string>): string {
  const list = names.size === 0 ? ' which is empty' : `: ${[...names].sort().join(', ')}`
  return `must be one of the names in pod.spec.resourceClaims${list}`
}
