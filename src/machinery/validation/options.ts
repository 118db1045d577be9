import { forbidden, invalid, notSupported, path, required, type FieldError } from '../field-error.ts'
import type { DeleteOptions } from '../meta.ts'
import { validateFieldManager } from './managed-fields.ts'

/** Options of create, update and patch, from the query string. */
export interface WriteOptions {
  readonly fieldManager?: string
  readonly dryRun?: readonly string[]
  readonly fieldValidation?: string
}

export interface PatchOptions extends WriteOptions {
  readonly force?: boolean
}

/** Options of a create or an update. */
export function validateWriteOptions({
  fieldManager = '',
  dryRun,
  fieldValidation,
}: WriteOptions): FieldError[] {
  return [
    ...validateFieldManager(fieldManager, path('fieldManager')),
    ...validateDryRun(dryRun),
    ...validateFieldValidation(fieldValidation),
  ]
}

/** Options of a patch; `isApply` for server-side apply, which needs a manager and may force. */
export function validatePatchOptions(options: PatchOptions, isApply: boolean): FieldError[] {
  const errors: FieldError[] = []
  if (isApply && !options.fieldManager) {
    errors.push(required(path('fieldManager'), 'is required for apply patch'))
  }
  if (!isApply && options.force !== undefined) {
    errors.push(forbidden(path('force'), 'may not be specified for non-apply patch'))
  }
  return [...errors, ...validateWriteOptions(options)]
}

const propagationPolicies = ['Foreground', 'Background', 'Orphan']

export function validateDeleteOptions(options: DeleteOptions): FieldError[] {
  const { propagationPolicy, orphanDependents } = options
  const errors: FieldError[] = []
  const at = path('propagationPolicy')
  if (orphanDependents !== undefined && propagationPolicy !== undefined) {
    errors.push(invalid(at, propagationPolicy, 'orphanDependents and deletionPropagation cannot be both set'))
  }
  if (propagationPolicy !== undefined && !propagationPolicies.includes(propagationPolicy)) {
    errors.push(notSupported(at, propagationPolicy, [...propagationPolicies, 'nil']))
  }
  return [...errors, ...validateDryRun(options.dryRun), ...validateIgnoreStoreReadError(options)]
}

function validateDryRun(dryRun: readonly string[] = []): FieldError[] {
  return dryRun.every((value) => value === 'All') ? [] : [notSupported(path('dryRun'), dryRun, ['All'])]
}

const fieldValidations = ['', 'Ignore', 'Strict', 'Warn']

function validateFieldValidation(value = ''): FieldError[] {
  return fieldValidations.includes(value)
    ? []
    : [notSupported(path('fieldValidation'), value, fieldValidations)]
}

function validateIgnoreStoreReadError(options: DeleteOptions): FieldError[] {
  if (!options.ignoreStoreReadErrorWithClusterBreakingPotential) return []
  const excluded = {
    dryRun: !!options.dryRun?.length,
    propagationPolicy: options.propagationPolicy !== undefined,
    orphanDependents: options.orphanDependents !== undefined,
    gracePeriodSeconds: options.gracePeriodSeconds !== undefined,
    preconditions: options.preconditions !== undefined,
  }
  const at = path('ignoreStoreReadErrorWithClusterBreakingPotential')
  return Object.entries(excluded)
    .filter(([, present]) => present)
    .map(([field]) => invalid(at, true, `cannot be set together with .${field}`))
}
