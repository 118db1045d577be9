import { jsonEqual } from '../../machinery/equal.ts'
import { forbidden, invalid, path, required, tooLong, type FieldError } from '../../machinery/field-error.ts'
import type { Writable } from '../../machinery/meta.ts'
import { configMapKeyErrors } from '../../machinery/validation/names.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import { DecodeError } from '../decode-error.ts'
import type { ResourceDefinition } from '../definition.ts'
import { JsonScanner } from '../json-scanner.ts'
import type { Secret } from '../generated/core.v1.ts'
import { secrets } from '../generated/resources.ts'
import { maxDataBytes } from './config-map.ts'
import { secretWarnings } from './secret-warnings.ts'

export const secretDefinition: ResourceDefinition<Secret> = {
  resource: secrets,
  singular: 'secret',
  strategy: {
    defaults(secret) {
      secret.type ||= 'Opaque'
      takeStringData(secret)
    },
    validate: validateSecret,
    warnings: secretWarnings,
    validateUpdate: validateSecretUpdate,
    prepareForUpdate(secret, previous) {
      // A client that does not know the field leaves it out; the type is not lost by that.
      if (!secret.type && previous.type) secret.type = previous.type
    },
  },
  columns: [
    nameColumn,
    column('Type', 'Used to facilitate programmatic handling of secret data.', ({ type }) => type ?? ''),
    integerColumn('Data', 'Number of entries in data.', ({ data = {} }) => Object.keys(data).length),
    ageColumn,
  ],
  selectableFields: ({ type }) => ({ type: type ?? '' }),
}

/** stringData is for writing only: it ends up in data, as if it had been encoded there. */
function takeStringData(secret: Writable<Secret>): void {
  if (!secret.stringData) return
  secret.data ??= {}
  for (const [key, value] of Object.entries(secret.stringData))
    secret.data[key] = Buffer.from(value).toString('base64')
  delete secret.stringData
}

/** Data that a type of secret must hold. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
}

function validateSecret({ data = {}, type = '', metadata }: Secret): FieldError[] {
  const errors: FieldError[] = []
  const field = path('data')
  let totalBytes = 0
  for (const [key, value] of Object.entries(data)) {
    for (const message of configMapKeyErrors(key)) errors.push(invalid(field.key(key), key, message))
    totalBytes += Buffer.byteLength(value, 'base64')
  }
  if (totalBytes > maxDataBytes) errors.push(tooLong(field, '', maxDataBytes))
  for (const key of requiredKeys[type] ?? [])
    if (data[key] === undefined) errors.push(required(field.key(key)))
  for (const key of ['.dockercfg', '.dockerconfigjson']) {
    const isExpected = requiredKeys[type]?.includes(key) && data[key] !== undefined
    const fault = isExpected ? jsonFault(Buffer.from(data[key]!, 'base64').toString()) : undefined
    // The value is a secret: not even the error shows it.
    if (fault !== undefined) errors.push(invalid(field.key(key), '<secret contents redacted>', fault))
  }
  if (type === 'kubernetes.io/basic-auth' && data.username === undefined && data.password === undefined) {
    errors.push(required(field.key('username')), required(field.key('password')))
  }
  if (
    type === 'kubernetes.io/service-account-token' &&
    !metadata?.annotations?.['kubernetes.io/service-account.name']
  ) {
    errors.push(required(path('metadata').child('annotations').key('kubernetes.io/service-account.name')))
  }
  return errors
}

/** What is wrong with a text that should be JSON, in the words of Go's encoding/json. */
function jsonFault(text: string): string | undefined {
  try {
    new JsonScanner(text).document()
    return undefined
  } catch (error) {
    if (error instanceof DecodeError) return error.message
    throw error
  }
}

function validateSecretUpdate(next: Secret, previous: Secret): FieldError[] {
  const errors: FieldError[] = []
  if (next.type !== previous.type) errors.push(invalid(path('type'), next.type, 'field is immutable'))
  if (!previous.immutable) return errors
  const immutable = 'field is immutable when `immutable` is set'
  if (!next.immutable) errors.push(forbidden(path('immutable'), immutable))
  if (!jsonEqual(next.data ?? {}, previous.data ?? {})) errors.push(forbidden(path('data'), immutable))
  return errors
}
