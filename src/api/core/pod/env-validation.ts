import {
  invalid,
  invalidFor,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { canonicalQuantity, quantitySign } from '../../../machinery/quantity.ts'
import {
  configMapKeyErrors,
  dns1123SubdomainErrors,
  qualifiedNameErrors,
  relaxedEnvVarNameErrors,
} from '../../../machinery/validation/names.ts'
import { nameRules } from '../../../machinery/validation/object-meta.ts'
import { validateLocalNonReservedPath } from '../../../machinery/validation/paths.ts'
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../../generated/core.v1.ts'

/** Source: ValidateEnv. */
export function validateEnv(env: readonly EnvVar[], field: FieldPath): FieldError[] {
  return env.flatMap(({ name, value = '', valueFrom }, index) => {
    const at = field.index(index)
    const errors = name
      ? invalidFor(at.child('name'), name, relaxedEnvVarNameErrors(name))
      : [required(at.child('name'))]
    return valueFrom ? [...errors, ...sourceErrors(valueFrom, value, at.child('valueFrom'))] : errors
  })
}

const oneSource =
  'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'

function sourceErrors(source: EnvVarSource, value: string, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const { fieldRef, resourceFieldRef, fileKeyRef } = source
  if (fieldRef) errors.push(...validateFieldSelector(fieldRef, envFieldPaths, field.child('fieldRef')))
  if (resourceFieldRef)
    errors.push(...validateResourceFieldSelector(resourceFieldRef, field.child('resourceFieldRef'), false))
  for (const name of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = source[name]
    if (!reference) continue
    const at = field.child(name)
    errors.push(
      ...invalidFor(at.child('name'), reference.name ?? '', dns1123SubdomainErrors(reference.name ?? '')),
      ...keyErrors(reference.key, at.child('key')),
    )
  }
  if (fileKeyRef) {
    const at = field.child('fileKeyRef')
    errors.push(...keyErrors(fileKeyRef.key, at.child('key')))
    if (!fileKeyRef.volumeName) errors.push(required(at.child('volumeName')))
    if (!fileKeyRef.path) errors.push(required(at.child('path')))
    else errors.push(...validateLocalNonReservedPath(at.child('path'), fileKeyRef.path))
  }
  const count = Object.values(source).filter((reference) => reference !== undefined).length
  if (count === 0) errors.push(invalid(field, '', oneSource))
  else if (value !== '') errors.push(invalid(field, '', 'may not be specified when `value` is not empty'))
  else if (count > 1) errors.push(invalid(field, '', 'may not have more than one field specified at a time'))
  return errors
}

function keyErrors(key: string, at: FieldPath): FieldError[] {
  return key ? invalidFor(at, key, configMapKeyErrors(key)) : [required(at)]
}

const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

/** Paths that the downward API knows at all; each place takes some of them. */
const knownFieldPaths: ReadonlySet<string> = new Set([
  ...envFieldPaths,
  'metadata.annotations',
  'metadata.labels',
  'spec.host',
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
])

/** A path into the pod, as the downward API knows them: some fields, and single labels and annotations. */
export function validateFieldSelector(
  { apiVersion = '', fieldPath }: ObjectFieldSelector,
  supported: readonly string[],
  field: FieldPath,
): FieldError[] {
  if (apiVersion === '') return [required(field.child('apiVersion'))]
  const at = field.child('fieldPath')
  if (fieldPath === '') return [required(at)]
  const conversion = (reason: string) => [invalid(at, fieldPath, `error converting fieldPath: ${reason}`)]
  if (apiVersion !== 'v1') return conversion(`unsupported pod version: ${apiVersion}`)
  const [, path, subscript] = /^(.+?)\['(.*)'\]$/s.exec(fieldPath) ?? []
  if (path !== undefined && subscript !== undefined) {
    if (path === 'metadata.annotations')
      return invalidFor(field, subscript.toLowerCase(), qualifiedNameErrors(subscript.toLowerCase()))
    if (path === 'metadata.labels') return invalidFor(field, subscript, qualifiedNameErrors(subscript))
    return conversion(`field label does not support subscript: ${fieldPath}`)
  }
  if (!knownFieldPaths.has(fieldPath)) return conversion(`field label not supported: ${fieldPath}`)
  // As it was called before v1.
  const name = fieldPath === 'spec.host' ? 'spec.nodeName' : fieldPath
  return supported.includes(name) ? [] : [notSupported(at, name, supported)]
}

const resourceFields = ['limits', 'requests'].flatMap((list) =>
  ['cpu', 'ephemeral-storage', 'memory'].map((name) => `${list}.${name}`),
)
const hugePageField = /^(requests|limits)\.hugepages-/

/** A container's amount of a resource. In a volume the container must be named. */
export function validateResourceFieldSelector(
  { containerName = '', resource, divisor = '0' }: ResourceFieldSelector,
  field: FieldPath,
  isInVolume: boolean,
): FieldError[] {
  const errors: FieldError[] = []
  if (isInVolume && containerName === '') errors.push(required(field.child('containerName')))
  else if (resource === '') errors.push(required(field.child('resource')))
  else if (!resourceFields.includes(resource) && !hugePageField.test(resource))
    errors.push(notSupported(field.child('resource'), resource, resourceFields))
  return [...errors, ...divisorErrors(resource, divisor, field.child('divisor'))]
}

const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']

function divisorErrors(resource: string, divisor: string, at: FieldPath): FieldError[] {
  if (quantitySign(divisor) === 0) return []
  const text = canonicalQuantity(divisor)
  if (resource.endsWith('.cpu')) {
    const detail = "only divisor's values 1m and 1 are supported with the cpu resource"
    return ['1m', '1'].includes(text) ? [] : [invalid(at, resource, detail)]
  }
  const words = hugePageField.test(resource) ? 'hugepages' : byteResources[resource]
  if (words === undefined || byteDivisors.includes(text)) return []
  const detail = `only divisor's values ${byteDivisors.join(', ')} are supported with the ${words} resource`
  return [invalid(at, resource, detail)]
}

const byteResources: Readonly<Record<string, string>> = {
  'limits.memory': 'memory',
  'requests.memory': 'memory',
  'limits.ephemeral-storage': 'local ephemeral storage',
  'requests.ephemeral-storage': 'local ephemeral storage',
}

/** Source: ValidateEnvFrom. */
export function validateEnvFrom(sources: readonly EnvFromSource[], field: FieldPath): FieldError[] {
  return sources.flatMap(({ prefix, configMapRef, secretRef }, index) => {
    const at = field.index(index)
    const errors = prefix ? invalidFor(at.child('prefix'), prefix, relaxedEnvVarNameErrors(prefix)) : []
    for (const [name, reference] of Object.entries({ configMapRef, secretRef })) {
      if (!reference) continue
      const nameAt = at.child(name, 'name')
      if (!reference.name) errors.push(required(nameAt))
      else errors.push(...invalidFor(nameAt, reference.name, prefixSubdomainErrors(reference.name)))
    }
    if (configMapRef && secretRef)
      errors.push(invalid(at, '', 'may not have more than one field specified at a time'))
    if (!configMapRef && !secretRef)
      errors.push(invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`'))
    return errors
  })
}

/** Upstream takes these for beginnings of names, so that a dash at the end passes. */
function prefixSubdomainErrors(name: string): string[] {
  return nameRules.dns1123Subdomain(name, true)
}
