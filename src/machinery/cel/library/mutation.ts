import { dynType, stringType, structType, type CelType } from '../types.ts'

const patchFields: Readonly<Record<string, CelType>> = {
  op: stringType,
  path: stringType,
  from: stringType,
  value: dynType,
}
const patchType = structType('JSONPatch', (field) =>
  Object.hasOwn(patchFields, field) ? patchFields[field] : undefined,
)

/**
 * What a MutatingAdmissionPolicy makes: `Object`, `Object.spec`, ... with fields of any name, and `JSONPatch`. Source:
 * k8s.io/apiserver/pkg/cel/mutation.
 */
export function mutationType(name: string): CelType | undefined {
  if (name === 'JSONPatch') return patchType
  return name === 'Object' || name.startsWith('Object.') ? structType(name, () => dynType) : undefined
}
