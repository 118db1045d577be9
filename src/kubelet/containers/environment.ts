import type {
  ConfigMap,
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  Pod,
  Secret,
  Service,
} from '../../api/generated/core.v1.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import type { AnyContainer } from '../pods/pod.ts'
import { ConfigError } from './config-error.ts'
import { expand } from './expansion.ts'
import { fieldRefValue, resourceFieldRefValue, type DownwardFacts } from './field-ref.ts'
import { serviceEnvironment, type Variable } from './service-environment.ts'

/** Where values outside the pod come from; both reject with the API's NotFound. */
export interface ConfigSources {
  configMap(namespace: string, name: string): Promise<ConfigMap>
  secret(namespace: string, name: string): Promise<Secret>
}

export interface EnvironmentInput {
  readonly pod: Pod
  readonly container: AnyContainer
  readonly sources: ConfigSources
  readonly services: readonly Service[]
  readonly facts: DownwardFacts
  /** Told of names in an envFrom source that cannot be variables. */
  readonly onInvalidNames?: (message: string) => void
  /** The value of a key in a file of one of the pod's volumes (fileKeyRef); undefined when there is none. */
  readonly fileKey: (ref: NonNullable<EnvVarSource['fileKeyRef']>) => Promise<string | undefined>
}

/**
 * The environment of a container, in order: envFrom, env with its references expanded, then the services' variables
 * that are not set yet. Throws ConfigError in upstream's words when a source that is not optional is missing.
 */
export async function containerEnvironment(input: EnvironmentInput): Promise<readonly Variable[]> {
  const { pod, container } = input
  const result = new Map<string, string>()
  for (const source of container.envFrom ?? []) await addFrom(input, source, result)

  const services = new Map(
    serviceEnvironment(
      input.services,
      pod.metadata?.namespace ?? '',
      pod.spec?.enableServiceLinks ?? true,
    ).map(({ name, value }) => [name, value]),
  )
  const lookup = (name: string) => result.get(name) ?? services.get(name)
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom
      ? await referredValue(input, variable, variable.valueFrom)
      : expand(variable.value ?? '', lookup)
    if (value !== undefined) result.set(variable.name, value)
  }
  for (const [name, value] of services) if (!result.has(name)) result.set(name, value)
  return Array.from(result, ([name, value]) => ({ name, value }))
}

async function addFrom(
  input: EnvironmentInput,
  source: EnvFromSource,
  result: Map<string, string>,
): Promise<void> {
  const namespace = input.pod.metadata?.namespace ?? ''
  const prefix = source.prefix ?? ''
  const ref = source.configMapRef ?? source.secretRef
  if (ref === undefined) return
  const kind = source.configMapRef ? 'configMap' : 'secret'
  const name = ref.name ?? ''
  const data = await (kind === 'configMap'
    ? optional(input.sources.configMap(namespace, name), ref.optional).then((map) => map?.data)
    : optional(input.sources.secret(namespace, name), ref.optional).then(decodedSecret))
  const invalid: string[] = []
  for (const [key, value] of Object.entries(data ?? {})) {
    const variable = prefix + key
    if (/^[ -<>-~]+$/.test(variable)) result.set(variable, value)
    else invalid.push(key)
  }
  if (invalid.length === 0) return
  input.onInvalidNames?.(
    `Keys [${invalid.sort().join(', ')}] from the EnvFrom ${kind} ${namespace}/${name} were skipped since they are considered invalid environment variable names.`,
  )
}

async function referredValue(
  input: EnvironmentInput,
  variable: EnvVar,
  from: EnvVarSource,
): Promise<string | undefined> {
  const { pod, container, sources, facts } = input
  const namespace = pod.metadata?.namespace ?? ''
  if (from.fieldRef) return fieldRefValue(from.fieldRef, pod, facts)
  if (from.resourceFieldRef) return resourceFieldRefValue(from.resourceFieldRef, pod, container, facts)
  if (from.configMapKeyRef) {
    const { name = '', key, optional: mayMiss } = from.configMapKeyRef
    const map = await optional(sources.configMap(namespace, name), mayMiss)
    const value = map?.data?.[key]
    if (value === undefined && !mayMiss) {
      throw new ConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`)
    }
    return value
  }
  if (from.secretKeyRef) {
    const { name = '', key, optional: mayMiss } = from.secretKeyRef
    const secret = await optional(sources.secret(namespace, name), mayMiss)
    const value = secret?.data?.[key]
    if (value === undefined && !mayMiss) {
      throw new ConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`)
    }
    return value === undefined ? undefined : decodeBase64(value)
  }
  if (from.fileKeyRef) {
    const value = await input.fileKey(from.fileKeyRef)
    if (value === undefined && !from.fileKeyRef.optional) {
      throw new ConfigError(
        `environment variable key "${from.fileKeyRef.key}" not found in file "${from.fileKeyRef.path}"`,
      )
    }
    return value
  }
  throw new ConfigError(`environment variable ${variable.name} has no source`)
}

/** The object, or undefined when it is not there and need not be. */
async function optional<T>(get: Promise<T>, mayMiss: boolean | undefined): Promise<T | undefined> {
  try {
    return await get
  } catch (error) {
    if (isNotFound(error) && mayMiss) return undefined
    throw new ConfigError(error instanceof Error ? error.message : String(error))
  }
}

function decodedSecret(secret: Secret | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(secret?.data ?? {}).map(([key, value]) => [key, decodeBase64(value)]),
  )
}

function decodeBase64(text: string): string {
  return Buffer.from(text, 'base64').toString()
}
