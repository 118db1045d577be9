import { keyOf } from '../../../machinery/resource.ts'
import type { CelProgram } from '../../../machinery/cel/cel.ts'
import { CelError } from '../../../machinery/cel/error.ts'
import {
  compileSelector,
  deviceVariable,
  selects,
  type DeviceVariable,
} from '../../../api/resource/selector-expressions.ts'
import type { DeviceSelector, ResourceClaim } from '../../../api/generated/resource.v1.ts'
import type { PooledDevice } from './device-pools.ts'
import { AllocationError, type DeviceRequestView } from './device-requests.ts'

/** Compiled expressions that are kept; the least recently used goes. */
const maxPrograms = 100

export interface DeviceSelectors {
  /** Whether the class and the request both choose the device. Throws an AllocationError. */
  choose(claim: ResourceClaim, request: DeviceRequestView, device: PooledDevice): boolean
}

export function createDeviceSelectors(): DeviceSelectors {
  const programs = new Map<string, CelProgram>()
  const variables = new WeakMap<object, DeviceVariable>()

  function programOf(expression: string, where: string): CelProgram {
    let program = programs.get(expression)
    if (program) programs.delete(expression)
    else {
      const compiled = compileSelector(expression)
      if ('fault' in compiled) throw new AllocationError(`${where}: CEL compile error: ${compiled.fault}`)
      program = compiled.program
    }
    programs.set(expression, program)
    if (programs.size > maxPrograms) programs.delete(programs.keys().next().value!)
    return program
  }

  function variableOf({ device, slice }: PooledDevice): DeviceVariable {
    let variable = variables.get(device)
    if (!variable) variables.set(device, (variable = deviceVariable(slice.spec.driver, device)))
    return variable
  }

  function all(selectors: readonly DeviceSelector[], device: PooledDevice, where: string): boolean {
    return selectors.every(({ cel }, index) => {
      const program = programOf(cel!.expression, `${where}: selector #${index}`)
      try {
        return selects(program, variableOf(device))
      } catch (error) {
        if (!(error instanceof CelError)) throw error
        const at = `${where}: selector #${index} on device ${device.id}`
        throw new AllocationError(`${at}: CEL runtime error: ${error.message}`)
      }
    })
  }

  return {
    choose: (claim, request, device) =>
      all(request.class.spec.selectors ?? [], device, `class ${request.class.metadata?.name}`) &&
      all(request.selectors, device, `claim ${keyOf(claim)}`),
  }
}
