import { decodeConfiguration } from '../../api/configuration/decode-configuration.ts'
import {
  duration,
  file,
  integer,
  listOf,
  optional,
  struct,
  text,
} from '../../api/configuration/configuration-schema.ts'
import { parseDuration } from '../../machinery/duration.ts'
import {
  aggregateFieldErrors,
  invalid,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'

/** EncryptionConfiguration of apiserver.config.k8s.io/v1, checked. Source: k8s.io/apiserver/pkg/apis/apiserver. */
export interface EncryptionConfiguration {
  readonly resources: readonly {
    /** `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group), `*.*`. */
    readonly resources: readonly string[]
    /** The first encrypts; all may decrypt. */
    readonly providers: readonly Provider[]
  }[]
}

export type Provider =
  | { readonly type: 'identity' }
  | { readonly type: 'aescbc' | 'aesgcm' | 'secretbox'; readonly keys: readonly Key[] }
  | { readonly type: 'kms'; readonly name: string; readonly socket: string; readonly timeoutMs: number }

export interface Key {
  readonly name: string
  readonly secret: Buffer
}

const keys = struct({ keys: listOf(struct({ name: text, secret: text })) })
const kms = struct({
  apiVersion: text,
  name: text,
  cachesize: optional(integer),
  endpoint: text,
  timeout: duration,
})
const schema = file({
  resources: listOf(
    struct({
      resources: listOf(text),
      providers: listOf(struct({ aesgcm: keys, aescbc: keys, secretbox: keys, identity: struct({}), kms })),
    }),
  ),
})

interface RawKeys {
  readonly keys?: readonly { readonly name?: string; readonly secret?: string }[]
}

interface RawProvider {
  readonly aesgcm?: RawKeys
  readonly aescbc?: RawKeys
  readonly secretbox?: RawKeys
  readonly identity?: object
  readonly kms?: {
    readonly apiVersion?: string
    readonly name?: string
    readonly endpoint?: string
    readonly timeout?: string
  }
}

interface RawConfiguration {
  readonly resources?: readonly {
    readonly resources?: readonly string[]
    readonly providers?: readonly RawProvider[]
  }[]
}

const aesKeyBytes = [16, 24, 32]
const secretboxKeyBytes = [32]
const defaultKmsTimeoutMs = 3_000

/** Reads the file; throws an Error that says what is wrong, and nothing of a key. */
export function decodeEncryptionConfiguration(given: string): EncryptionConfiguration {
  const kind = {
    group: 'apiserver.config.k8s.io',
    version: 'v1',
    kind: 'EncryptionConfiguration',
    schema,
  }
  const raw = decodeConfiguration(given, [kind]) as RawConfiguration
  const errors: FieldError[] = []
  const at = path('resources')
  if (!raw.resources?.length) errors.push(required(at, 'at least one resources is required'))
  const names = new Set<string>()
  const resources = (raw.resources ?? []).map((entry, index) => {
    const place = at.index(index)
    errors.push(...resourceErrors(entry.resources ?? [], place.child('resources')))
    const providers = entry.providers ?? []
    const providersAt = place.child('providers')
    if (providers.length === 0) errors.push(required(providersAt, 'at least one provider is required'))
    return {
      resources: entry.resources ?? [],
      providers: providers.map((provider, each) =>
        readProvider(provider, providersAt.index(each), names, errors),
      ),
    }
  })
  if (errors.length > 0) throw new Error(aggregateFieldErrors(errors))
  return { resources }
}

function resourceErrors(resources: readonly string[], at: FieldPath): FieldError[] {
  if (resources.length === 0) return [required(at, 'at least one resource is required')]
  const errors: FieldError[] = []
  for (const [index, name] of resources.entries()) {
    const place = at.index(index)
    if (name === '*') {
      errors.push(
        invalid(
          place,
          name,
          "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources",
        ),
      )
    } else if (name !== name.toLowerCase()) {
      errors.push(invalid(place, name, 'resource name should not contain capital letters'))
    } else if (resources.indexOf(name) < index) {
      errors.push(invalid(place, name, 'the same resource cannot be specified multiple times'))
    } else if (resources.some((other) => other !== name && covers(other, name))) {
      const what = "using overlapping resources such as 'secrets' and '*.' in the same resource list"
      errors.push(invalid(place, name, `${what} is not allowed as they will be masked`))
    }
  }
  return errors
}

function covers(wildcard: string, name: string): boolean {
  if (wildcard === '*.*') return true
  if (!wildcard.startsWith('*.')) return false
  const dot = name.indexOf('.')
  return (dot < 0 ? '' : name.slice(dot + 1)) === wildcard.slice(2)
}

function readProvider(raw: RawProvider, at: FieldPath, names: Set<string>, errors: FieldError[]): Provider {
  const types = Object.keys(raw) as (keyof RawProvider)[]
  const [type] = types
  if (!type) errors.push(required(at, 'provider does not contain any of the expected providers'))
  if (types.length > 1) {
    const detail =
      'more than one provider specified in a single element, should split into different list elements'
    errors.push(invalid(at, '', detail))
  }
  if (raw.kms) return readKms(raw.kms, at.child('kms'), names, errors)
  for (const each of ['aescbc', 'aesgcm', 'secretbox'] as const) {
    const given = raw[each]
    const lengths = each === 'secretbox' ? secretboxKeyBytes : aesKeyBytes
    if (given) return { type: each, keys: readKeys(given, at.child(each).child('keys'), lengths, errors) }
  }
  return { type: 'identity' }
}

function readKeys(
  raw: RawKeys,
  at: FieldPath,
  lengths: readonly number[],
  errors: FieldError[],
): readonly Key[] {
  if (!raw.keys?.length) errors.push(required(at, 'at least one keys is required'))
  return (raw.keys ?? []).map(({ name = '', secret: given = '' }, index) => {
    const place = at.index(index)
    if (name === '') errors.push(required(place.child('name'), 'name is a mandatory field for a key'))
    const secretAt = place.child('secret')
    const secret = Buffer.from(given, 'base64')
    if (given === '') errors.push(required(secretAt, 'secret is a mandatory field for a key'))
    else if (secret.toString('base64') !== given.replaceAll(/\s/g, '')) {
      errors.push(invalid(secretAt, 'REDACTED', 'secrets must be base64 encoded'))
    } else if (!lengths.includes(secret.length)) {
      const expected = `got ${secret.length}, expected one of [${lengths.join(' ')}]`
      errors.push(invalid(secretAt, 'REDACTED', `secret is not of the expected length, ${expected}`))
    }
    return { name, secret }
  })
}

function readKms(
  { apiVersion = 'v1', name = '', endpoint = '', timeout }: NonNullable<RawProvider['kms']>,
  at: FieldPath,
  names: Set<string>,
  errors: FieldError[],
): Provider {
  if (name === '') errors.push(required(at.child('name'), 'name is a mandatory field for a provider'))
  else if (name.includes(':')) {
    errors.push(invalid(at.child('name'), name, `invalid KMS provider name ${name}, must not contain ':'`))
  } else if (names.has(name)) {
    errors.push(invalid(at.child('name'), name, `duplicate KMS provider name ${name}, names must be unique`))
  }
  names.add(name)
  if (apiVersion !== 'v2') {
    const detail = `unsupported apiVersion ${apiVersion} for KMS provider, only v2 is supported`
    errors.push(invalid(at.child('apiVersion'), apiVersion, detail))
  }
  if (endpoint === '') errors.push(required(at.child('endpoint'), 'endpoint is a mandatory field for a kms'))
  else if (!endpoint.startsWith('unix://')) {
    const scheme = /^([a-z+.-]+):/.exec(endpoint)?.[1] ?? ''
    const detail = `unsupported scheme "${scheme}" for KMS provider, only unix is supported`
    errors.push(invalid(at.child('endpoint'), endpoint, detail))
  }
  const timeoutMs = timeout === undefined ? defaultKmsTimeoutMs : parseDuration(timeout)
  if (timeoutMs <= 0) errors.push(invalid(at.child('timeout'), timeout, 'timeout should be a positive value'))
  return { type: 'kms', name, socket: endpoint.replace(/^unix:\/\//, ''), timeoutMs }
}
