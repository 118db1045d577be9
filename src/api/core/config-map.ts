import type { FieldError } from '../../machinery/field-error.ts'
import { path } from '../../machinery/field-error.ts'
import { forbidden, invalid, tooLong } from '../../machinery/field-error.ts'
import { configMapKeyErrors } from '../../machinery/validation/names.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { ageColumn, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ConfigMap } from '../generated/core.v1.ts'
import { configMaps } from '../generated/resources.ts'

/** All keys and values of one ConfigMap or Secret together, in bytes. */
export const maxDataBytes = 1024 * 1024

export const configMapDefinition: ResourceDefinition<ConfigMap> = {
  resource: configMaps,
  singular: 'configmap',
  shortNames: ['cm'],
  strategy: { validate: validateConfigMap, validateUpdate: validateConfigMapUpdate },
  columns: [
    nameColumn,
    integerColumn('Data', 'Number of entries in data and binaryData.', ({ data = {}, binaryData = {} }) => {
      return Object.keys(data).length + Object.keys(binaryData).length
    }),
    ageColumn,
  ],
}

function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = []
  let totalBytes = 0
  for (const [field, entries] of [
    ['data', data],
    ['binaryData', binaryData],
  ] as const) {
    for (const [key, value] of Object.entries(entries)) {
      for (const message of configMapKeyErrors(key)) errors.push(invalid(path(field).key(key), key, message))
      if (field === 'data' && Object.hasOwn(binaryData, key)) {
        errors.push(invalid(path('data').key(key), key, `duplicate of key present in binaryData`))
      }
      totalBytes += Buffer.byteLength(value, field === 'data' ? 'utf8' : 'base64')
    }
  }
  if (totalBytes > maxDataBytes) errors.push(tooLong(path(''), '', maxDataBytes))
  return errors
}

function validateConfigMapUpdate(next: ConfigMap, previous: ConfigMap): FieldError[] {
  if (!previous.immutable) return []
  const errors: FieldError[] = []
  if (!next.immutable) errors.push(forbidden(path('immutable'), 'field is immutable when `immutable` is set'))
  if (!jsonEqual(next.data ?? {}, previous.data ?? {})) {
    errors.push(forbidden(path('data'), 'field is immutable when `immutable` is set'))
  }
  if (!jsonEqual(next.binaryData ?? {}, previous.binaryData ?? {})) {
    errors.push(forbidden(path('binaryData'), 'field is immutable when `immutable` is set'))
  }
  return errors
}
