import { isUnset } from '../../api/configuration/fixed-fields.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
} from '../../machinery/field-error.ts'
import { parseCPUSet } from '../cpu/cpu-set.ts'
import type { KubeletConfiguration } from './configuration-kind.ts'

/** Whose limits can be held, with the fields that tell of them. */
const reservations = {
  'system-reserved': ['systemReserved', 'systemReservedCgroup'],
  'system-reserved-compressible': ['systemReserved', 'systemReservedCgroup'],
  'kube-reserved': ['kubeReserved', 'kubeReservedCgroup'],
  'kube-reserved-compressible': ['kubeReserved', 'kubeReservedCgroup'],
} as const

const enforcements = ['pods', ...Object.keys(reservations), 'none']

/** What is wrong with what is kept for the system, and how that is held. */
export function enforcementErrors(configuration: KubeletConfiguration): FieldError[] {
  const { enforceNodeAllocatable: enforced = [] } = configuration
  const at = path('enforceNodeAllocatable')
  const errors: FieldError[] = []
  for (const [index, name] of enforced.entries()) {
    if (!enforcements.includes(name)) errors.push(notSupported(at.index(index), name, enforcements))
    else if (enforced.indexOf(name) < index)
      errors.push(invalid(at.index(index), name, 'duplicated enforcement'))
  }
  if (enforced.includes('none') && enforced.length > 1) {
    errors.push(invalid(at, enforced, 'may not contain additional enforcements when "none" is specified'))
  }
  for (const name of ['system-reserved', 'kube-reserved']) {
    if (enforced.includes(name) && enforced.includes(`${name}-compressible`)) {
      const detail = `both "${name}" and "${name}-compressible" cannot be specified together`
      errors.push(invalid(at, enforced, detail))
    }
  }
  for (const [name, fields] of Object.entries(reservations)) {
    if (!enforced.includes(name)) continue
    for (const field of fields) {
      if (!isUnset(configuration[field])) continue
      errors.push(required(field, `must be specified when "${name}" is enforced`))
    }
  }
  return [...errors, ...reservedCPUErrors(configuration)]
}

function reservedCPUErrors(configuration: KubeletConfiguration): FieldError[] {
  const { reservedSystemCPUs: cpus = '', systemReservedCgroup, kubeReservedCgroup } = configuration
  if (cpus === '') return []
  const errors: FieldError[] = []
  if (systemReservedCgroup || kubeReservedCgroup) {
    const detail = "can't be used with systemReservedCgroup or kubeReservedCgroup"
    errors.push(forbidden('reservedSystemCPUs', detail))
  }
  try {
    parseCPUSet(cpus)
  } catch (error) {
    errors.push(invalid('reservedSystemCPUs', cpus, (error as Error).message))
  }
  return errors
}
