import {
  dynType,
  formatType,
  isSameType,
  listType,
  mapType,
  opaqueType,
  typeParametersOf,
  typeTypeOf,
  type CelType,
} from '../types.ts'

/** What type parameters stand for, as far as it is known. Source: cel-go's checker/types.go. */
export type Substitutions = ReadonlyMap<string, CelType>

export function isDyn(type: CelType): boolean {
  return type.kind === 'dyn' || type.kind === 'any'
}

export function isDynOrError(type: CelType): boolean {
  return isDyn(type) || type.kind === 'error'
}

/** The substitutions under which the first types are assignable to the second; undefined when they are not. */
export function assign(
  substitutions: Substitutions,
  from: readonly CelType[],
  to: readonly CelType[],
): Substitutions | undefined {
  const tentative = new Map(substitutions)
  return assignableLists(tentative, from, to) ? tentative : undefined
}

type Mapping = Map<string, CelType>

function assignableLists(mapping: Mapping, from: readonly CelType[], to: readonly CelType[]): boolean {
  return from.length === to.length && from.every((type, at) => assignable(mapping, type, to[at]!))
}

function assignable(mapping: Mapping, from: CelType, to: CelType): boolean {
  if (to.kind === 'typeParameter') {
    const known = mapping.has(to.name)
    if (substitutes(mapping, from, to)) return true
    if (known) return false
  }
  if (from.kind === 'typeParameter') return substitutes(mapping, to, from)
  if (isDynOrError(from) || isDynOrError(to)) return true
  if (from.kind === 'null') return isNullable(to)
  if (to.kind === 'null') return isNullable(from)
  switch (from.kind) {
    case 'type':
      return to.kind === 'type'
    case 'list':
    case 'map':
    case 'opaque':
      return (
        from.kind === to.kind &&
        nameOf(from) === nameOf(to) &&
        assignableLists(mapping, typeParametersOf(from), typeParametersOf(to))
      )
    case 'wrapper':
      return isSameType(from, to) || isSameType(from.of, to)
    default:
      return isSameType(from, to) || (to.kind === 'wrapper' && isSameType(from, to.of))
  }
}

function nameOf(type: CelType): string {
  return type.kind === 'opaque' ? type.name : ''
}

function isNullable(type: CelType): boolean {
  return ['opaque', 'struct', 'any', 'duration', 'timestamp', 'wrapper', 'null'].includes(type.kind)
}

/** Whether the parameter may stand for the type. */
function substitutes(
  mapping: Mapping,
  type: CelType,
  parameter: CelType & { kind: 'typeParameter' },
): boolean {
  if (isSameType(type, parameter)) return true
  const known = mapping.get(parameter.name)
  if (known === undefined) {
    if (occursIn(mapping, parameter, type)) return false
    mapping.set(parameter.name, type)
    return true
  }
  if (isSameType(type, known)) return true
  if (!assignable(mapping, type, known)) return false
  const general = mostGeneral(type, known)
  if (!occursIn(mapping, parameter, general)) mapping.set(parameter.name, general)
  return true
}

function occursIn(mapping: Mapping, parameter: CelType, type: CelType): boolean {
  if (isSameType(parameter, type)) return true
  if (type.kind === 'typeParameter') {
    const known = mapping.get(type.name)
    return known !== undefined && occursIn(mapping, parameter, known)
  }
  return typeParametersOf(type).some((inner) => occursIn(mapping, parameter, inner))
}

/** Of two types that go together, the one that says less. */
export function mostGeneral(a: CelType, b: CelType): CelType {
  return isEqualOrLessSpecific(a, b) ? a : b
}

function isEqualOrLessSpecific(a: CelType, b: CelType): boolean {
  if (isDyn(a) || a.kind === 'typeParameter') return true
  if (isDyn(b) || b.kind === 'typeParameter' || a.kind !== b.kind) return false
  switch (a.kind) {
    case 'type':
      return true
    case 'list':
    case 'map':
    case 'opaque': {
      const left = typeParametersOf(a)
      const right = typeParametersOf(b)
      if (nameOf(a) !== nameOf(b) || left.length !== right.length) return false
      return left.every((type, at) => isEqualOrLessSpecific(type, right[at]!))
    }
    default:
      return isSameType(a, b)
  }
}

/** The type with its parameters filled in; with `toDyn`, those that stay unknown become dyn. */
export function substitute(substitutions: Substitutions, type: CelType, toDyn = false): CelType {
  switch (type.kind) {
    case 'typeParameter': {
      const known = substitutions.get(type.name)
      if (known !== undefined) return substitute(substitutions, known, toDyn)
      return toDyn ? dynType : type
    }
    case 'list':
      return listType(substitute(substitutions, type.element, toDyn))
    case 'map':
      return mapType(substitute(substitutions, type.key, toDyn), substitute(substitutions, type.value, toDyn))
    case 'opaque':
      if (type.parameters.length === 0) return type
      return opaqueType(type.name, ...type.parameters.map((inner) => substitute(substitutions, inner, toDyn)))
    case 'type':
      return type.of === undefined ? type : typeTypeOf(substitute(substitutions, type.of, toDyn))
    default:
      return type
  }
}

/** `string.(int, bool)`, as issues write what a function was applied to. */
export function formatSignature(types: readonly CelType[], member: boolean): string {
  const texts = types.map(formatType)
  const receiver = member ? `${texts.shift()}.` : ''
  return `${receiver}(${texts.join(', ')})`
}
