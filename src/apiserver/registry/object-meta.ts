import { invalid, path, type FieldError } from '../../machinery/field-error.ts'
import type { KubernetesObject, ObjectMeta, Writable } from '../../machinery/meta.ts'
import { badRequest } from '../../machinery/status-errors.ts'
import { validateObjectMeta } from '../../machinery/validation/object-meta.ts'
import type { ResourceDefinition } from '../../api/definition.ts'

/** The metadata of an object about to be written; there from the first look on. */
export function metadataOf(object: Writable<KubernetesObject>): Writable<ObjectMeta> {
  const holder = object as { metadata?: Writable<ObjectMeta> }
  holder.metadata ??= {}
  return holder.metadata
}

/** Removes what clients cannot choose for a new object. Source: k8s.io/apiserver/pkg/registry/rest/meta.go. */
export function clearSystemFields(metadata: Writable<ObjectMeta>): void {
  delete metadata.creationTimestamp
  delete metadata.uid
  delete metadata.deletionTimestamp
  delete metadata.deletionGracePeriodSeconds
  delete metadata.selfLink
}

/** Sets the namespace of the request, or refuses another one; cluster-scoped objects have none. */
export function ensureNamespace(
  definition: ResourceDefinition,
  metadata: Writable<ObjectMeta>,
  requestNamespace: string,
): void {
  const expected = definition.resource.namespaced ? requestNamespace : ''
  const given = metadata.namespace ?? ''
  if (given === expected) return
  if (given !== '' && expected !== '') {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  }
  if (expected === '') delete metadata.namespace
  else metadata.namespace = expected
}

/** Refuses an object that is not the one in the URL. */
export function checkName(metadata: ObjectMeta, name: string, namespace: string): void {
  const given = metadata.name ?? ''
  if (given !== name) {
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
  }
  const givenNamespace = metadata.namespace ?? ''
  if (namespace !== '' && givenNamespace !== '' && givenNamespace !== namespace) {
    throw badRequest(
      `the namespace of the object (${givenNamespace}) does not match the namespace on the request (${namespace})`,
    )
  }
}

const standardFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion']
const groupsOfTheirOwn = ['admissionregistration.k8s.io', 'apiextensions.k8s.io', 'apiregistration.k8s.io']

/** Objects of Kubernetes' own kinds have finalizers that are known or have a domain. Source: core/validation. */
export function finalizerErrors(
  { isCustom, resource: { group } }: ResourceDefinition,
  { finalizers = [] }: ObjectMeta,
): FieldError[] {
  if (isCustom || groupsOfTheirOwn.includes(group)) return []
  const detail = 'name is neither a standard finalizer name nor is it fully qualified'
  return finalizers.flatMap((finalizer, index) => {
    const at = path('metadata', 'finalizers').index(index)
    const isKnown = finalizer.includes('/') || standardFinalizers.includes(finalizer)
    return isKnown ? [] : [invalid(at, finalizer, detail)]
  })
}

export function metadataErrors(definition: ResourceDefinition, metadata: ObjectMeta): FieldError[] {
  const { nameRule } = definition.strategy
  return validateObjectMeta(metadata, {
    namespaced: definition.resource.namespaced,
    ...(nameRule && { nameRule }),
  })
}
