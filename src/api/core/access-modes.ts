import {
  forbidden,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'

const abbreviations: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
}
const supported = Object.keys(abbreviations).sort()

/** `RWO,ROX`: as `kubectl get` shows access modes, each once. */
export function accessModesText(modes: readonly string[] | undefined): string {
  return Object.keys(abbreviations)
    .filter((mode) => modes?.includes(mode))
    .map((mode) => abbreviations[mode])
    .join(',')
}

export function accessModesErrors(modes: readonly string[] | undefined, field: FieldPath): FieldError[] {
  if (!modes || modes.length === 0) return [required(field, 'at least 1 access mode is required')]
  const errors = modes
    .filter((mode) => !supported.includes(mode))
    .map((mode) => notSupported(field, mode, supported))
  if (modes.includes('ReadWriteOncePod') && modes.length > 1) {
    errors.push(forbidden(field, 'may not use ReadWriteOncePod with other access modes'))
  }
  return errors
}
