import type { CelEnvironment } from '../../machinery/cel/cel.ts'
import {
  boolDeclaration,
  dynDeclaration,
  mapDeclaration,
  objectDeclaration,
  stringDeclaration,
  type CelDeclaration,
} from '../../machinery/cel/declaration.ts'
import { createCelEnvironment } from '../../machinery/cel/environment.ts'
import { CelError } from '../../machinery/cel/error.ts'
import { CelQuantity } from '../../machinery/cel/library/quantity.ts'
import { boolType, structType } from '../../machinery/cel/types.ts'
import { parseQuantity } from '../../machinery/quantity.ts'

/** What one selector may cost at most, estimated when it is written. Source: resource/v1, CELSelectorExpressionMaxCost. */
const maxCost = 1_000_000
const maxDomains = 32
const maxNames = 32

const quantityDeclaration: CelDeclaration = {
  type: structType('kubernetes.Quantity'),
  minSerializedSize: 3,
  wrap(raw) {
    if (typeof raw !== 'string') throw new CelError('invalid data, expected a quantity')
    return new CelQuantity(parseQuantity(raw))
  },
}

/** `device.driver`, `device.attributes['domain'].name`. Source: k8s.io/dynamic-resource-allocation/cel. */
const deviceDeclaration = objectDeclaration('kubernetes.DRADevice', {
  driver: stringDeclaration,
  attributes: mapDeclaration(mapDeclaration(dynDeclaration, maxNames), maxDomains),
  capacity: mapDeclaration(mapDeclaration(quantityDeclaration, maxNames), maxDomains),
  allowMultipleAllocations: boolDeclaration,
})

let environment: CelEnvironment | undefined

/** What selectors of devices are compiled in: one variable, `device`. */
export function deviceEnvironment(): CelEnvironment {
  environment ??= createCelEnvironment({ variables: { device: deviceDeclaration } })
  return environment
}

/** Why a selector is refused; undefined when it is none of the two. */
export function selectorFault(
  expression: string,
): { readonly type: 'invalid' | 'forbidden'; readonly detail: string } | undefined {
  const compilation = deviceEnvironment().compile(expression, { outputTypes: [boolType] })
  if (!compilation.ok) {
    const detail =
      compilation.reason === 'issues' ? `compilation failed: ${compilation.text}` : compilation.text
    return { type: 'invalid', detail }
  }
  return compilation.program.estimateCost().max > maxCost
    ? { type: 'forbidden', detail: 'too complex, exceeds cost limit' }
    : undefined
}
