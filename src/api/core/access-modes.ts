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

/** `missing`: what to say where there is none, which differs between volumes and claims. */
export function accessModesErrors(
  modes: readonly string[] | undefined,
  field: FieldPath,
  missing = 'at least 1 access mode is required',
): FieldError[] {
  if (!modes || modes.length === 0) return [required(field, missing)]
  const errors = modes
    .filter((mode) => !supported.includes(mode))
    .map((mode) => notSupported(field, mode, supported))
  const known = modes.filter((mode) => supported.includes(mode))
  if (known.includes('ReadWriteOncePod') && known.some((mode) => mode !== 'ReadWriteOncePod')) {
    errors.push(forbidden(field, 'may not use ReadWriteOncePod with other access modes'))
  }
  return errors
}
