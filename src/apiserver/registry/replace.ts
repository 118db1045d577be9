import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { invalid } from '../../machinery/status-errors.ts'
import { validateWriteOptions } from '../../machinery/validation/options.ts'
import { checkName, ensureNamespace, metadataOf } from './object-meta.ts'
import { deduplicateOwnerReferences } from './owner-references.ts'
import type { Registry } from './registry.ts'
import type { Body, RequestScope, WriteOptions } from './request.ts'
import { updateObject, type Updated } from './update.ts'
import type { UpdateRules } from './update-rules.ts'

/** PUT of an object, or of the part of it that `rules` are about. */
export async function replaceObject(
  registry: Registry,
  scope: RequestScope,
  name: string,
  body: Body,
  options: WriteOptions,
  rules: UpdateRules,
): Promise<Updated> {
  const errors = validateWriteOptions(options)
  if (errors.length > 0) throw invalid('UpdateOptions.meta.k8s.io', '', errors)
  let first: Writable<KubernetesObject> | undefined = read()
  function read(): Writable<KubernetesObject> {
    const object = registry.decode(scope, body, options)
    const metadata = metadataOf(object)
    ensureNamespace(registry.definition, metadata, scope.namespace)
    checkName(metadata, name, registry.definition.resource.namespaced ? scope.namespace : '')
    deduplicateOwnerReferences(metadata, false, scope.warn)
    return object
  }
  return updateObject(registry, scope, {
    name,
    options,
    rules,
    uid: metadataOf(first).uid,
    createsMissing: scope.subresource === '' && registry.definition.strategy.allowCreateOnUpdate === true,
    make(existing) {
      // A try edits the object, so that each needs one of its own.
      const object = first ?? read()
      first = undefined
      registry.fields.onUpdate(scope, existing, object, options)
      return object
    },
  })
}
