import { CelBudget } from '../../machinery/cel/budget.ts'
import type { CelEnvironment, CelProgram } from '../../machinery/cel/cel.ts'
import {
  anyDeclaration,
  boolDeclaration,
  bounded,
  expectObject,
  mapDeclaration,
  objectDeclaration,
  stringDeclaration,
  type CelDeclaration,
} from '../../machinery/cel/declaration.ts'
import { createCelEnvironment } from '../../machinery/cel/environment.ts'
import { CelError } from '../../machinery/cel/error.ts'
import { CelQuantity } from '../../machinery/cel/library/quantity.ts'
import { semver } from '../../machinery/cel/library/semver.ts'
import { formatType, structType } from '../../machinery/cel/types.ts'
import { JsonMap } from '../../machinery/cel/values/map.ts'
import type { CelValue } from '../../machinery/cel/values/value.ts'
import { parseQuantity } from '../../machinery/quantity.ts'
import type { Device, DeviceAttribute } from '../generated/resource.v1.ts'

/** What one selector may cost at most, estimated when it is written. Source: resource/v1, CELSelectorExpressionMaxCost. */
const maxCost = 1_000_000
/** Of attributes, and of capacities. */
const maxEntries = 32
const maxDomainLength = 63
const maxNameLength = 32
const maxAttributeLength = 64

const quantityDeclaration: CelDeclaration = {
  type: structType('kubernetes.Quantity'),
  minSerializedSize: 3,
  wrap(raw) {
    if (typeof raw !== 'string') throw new CelError('invalid data, expected a quantity')
    return new CelQuantity(parseQuantity(raw))
  },
}

/** An attribute is what its one field holds. */
const attributeDeclaration: CelDeclaration = {
  ...anyDeclaration,
  maxElements: maxAttributeLength,
  wrap(raw) {
    const { int, bool, string, version } = expectObject(raw) as DeviceAttribute
    if (version !== undefined) return semver(version)
    const value = string ?? bool ?? int
    if (value === undefined) throw new CelError('unsupported attribute value')
    return anyDeclaration.wrap(value)
  },
}

/** Names by their domains: a domain that the device says nothing of holds no names, but is none of its keys. */
class DomainMap extends JsonMap {
  readonly #empty: CelValue

  constructor(raw: Readonly<Record<string, unknown>>, names: CelDeclaration) {
    super(raw, names.wrap)
    this.#empty = names.wrap({})
  }

  override get(key: CelValue): CelValue | undefined {
    return super.get(key) ?? (typeof key === 'string' ? this.#empty : undefined)
  }

  override has(key: CelValue): boolean {
    return super.get(key) !== undefined
  }
}

/** `entry`: what is known of an entry that is selected by its name, like a field. */
function byDomain(value: CelDeclaration, entry?: CelDeclaration): CelDeclaration {
  const names: CelDeclaration = {
    ...mapDeclaration(value, maxEntries),
    key: bounded(stringDeclaration, { maxElements: maxNameLength }),
    ...(entry && { field: () => entry }),
  }
  return {
    ...mapDeclaration(names, maxEntries),
    key: domainDeclaration,
    wrap: (raw) => new DomainMap(expectObject(raw), names),
  }
}

const domainDeclaration = bounded(stringDeclaration, { maxElements: maxDomainLength })

/** `device.driver`, `device.attributes['domain'].name`. Source: k8s.io/dynamic-resource-allocation/cel. */
const deviceDeclaration = objectDeclaration('kubernetes.DRADevice', {
  driver: domainDeclaration,
  attributes: byDomain(attributeDeclaration, attributeDeclaration),
  capacity: byDomain(quantityDeclaration),
  allowMultipleAllocations: boolDeclaration,
})

let environment: CelEnvironment | undefined

/** What selectors of devices are compiled in: one variable, `device`, and `cel.bind`. */
function deviceEnvironment(): CelEnvironment {
  environment ??= createCelEnvironment({ variables: { device: deviceDeclaration }, binds: true })
  return environment
}

/** Why a selector is refused; undefined when it is none of the two. */
export function selectorFault(
  expression: string,
): { readonly type: 'invalid' | 'forbidden'; readonly detail: string } | undefined {
  const compiled = compileSelector(expression)
  if ('fault' in compiled) return { type: 'invalid', detail: compiled.fault }
  return compiled.program.estimateCost().max > maxCost
    ? { type: 'forbidden', detail: 'too complex, exceeds cost limit' }
    : undefined
}

/** What the `device` of a selector is. */
export interface DeviceVariable {
  readonly driver: string
  readonly attributes: Readonly<Record<string, Readonly<Record<string, DeviceAttribute>>>>
  readonly capacity: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly allowMultipleAllocations: boolean
}

/** Names without a domain are of the driver's own. */
export function deviceVariable(driver: string, device: Device): DeviceVariable {
  return {
    driver,
    attributes: groupByDomain(driver, device.attributes ?? {}, (attribute) => attribute),
    capacity: groupByDomain(driver, device.capacity ?? {}, ({ value }) => value),
    allowMultipleAllocations: device.allowMultipleAllocations ?? false,
  }
}

function groupByDomain<From, To>(
  driver: string,
  values: Readonly<Record<string, From>>,
  convert: (value: From) => To,
): Record<string, Record<string, To>> {
  const domains: Record<string, Record<string, To>> = {}
  for (const [name, value] of Object.entries(values)) {
    const slash = name.indexOf('/')
    const domain = slash < 0 ? driver : name.slice(0, slash)
    ;(domains[domain] ??= {})[name.slice(slash + 1)] = convert(value)
  }
  return domains
}

/** A compiled selector, or why it is none. */
export function compileSelector(
  expression: string,
): { readonly program: CelProgram } | { readonly fault: string } {
  const compilation = deviceEnvironment().compile(expression)
  if (!compilation.ok) return { fault: `compilation failed: ${compilation.text}` }
  const { outputType } = compilation.program
  // What an attribute is can only be said of a device that has it.
  if (outputType.kind === 'bool' || outputType.kind === 'any') return { program: compilation.program }
  return { fault: `must evaluate to bool or the unknown type, not ${formatType(outputType)}` }
}

/** Whether the selector chooses the device. Throws a CelError when it cannot be evaluated. */
export function selects(program: CelProgram, device: DeviceVariable): boolean {
  const outcome = program.evaluate({ device }, new CelBudget(maxCost), { perCallLimit: maxCost })
  if ('error' in outcome) throw outcome.error
  return outcome.value === true
}
