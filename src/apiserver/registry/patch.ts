import { applyDefaults } from '../../api/apply-defaults.ts'
import { decode } from '../../api/decode.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { conflict, invalid } from '../../machinery/status-errors.ts'
import { validatePatchOptions } from '../../machinery/validation/options.ts'
import { appliedValue, applyPatch, readPatch, tellStrictErrors, type ReadPatch } from './apply-patch.ts'
import { checkName, ensureNamespace, metadataOf } from './object-meta.ts'
import type { Registry } from './registry.ts'
import type { PatchBody, PatchOptions, RequestScope } from './request.ts'
import { updateObject, type Updated } from './update.ts'
import type { UpdateRules } from './update-rules.ts'

/** PATCH of an object, or of the part of it that `rules` are about. */
export async function patchObject(
  registry: Registry,
  scope: RequestScope,
  name: string,
  body: PatchBody,
  options: PatchOptions,
  rules: UpdateRules,
): Promise<Updated> {
  const isApply = body.type === 'apply'
  const errors = validatePatchOptions(options, isApply)
  if (errors.length > 0) throw invalid('PatchOptions.meta.k8s.io', '', errors)
  const patch = readPatch(body, options)
  return updateObject(registry, scope, {
    name,
    options,
    rules,
    isApply,
    createsMissing: isApply && scope.subresource === '',
    make(existing) {
      const object = isApply
        ? applied(registry, scope, existing, patch, options)
        : patched(registry, scope, existing!, patch, options)
      const metadata = metadataOf(object)
      if (!existing && metadata.uid) {
        const detail = `uid mismatch: the provided object specified uid ${metadata.uid}, and no existing object was found`
        throw conflict(registry.groupResource, name, detail)
      }
      ensureNamespace(registry.definition, metadata, scope.namespace)
      checkName(metadata, name, registry.definition.resource.namespaced ? scope.namespace : '')
      return object
    },
  })
}

function patched(
  registry: Registry,
  scope: RequestScope,
  existing: KubernetesObject,
  patch: ReadPatch,
  options: PatchOptions,
): Writable<KubernetesObject> {
  const { served } = scope
  const shown = served.fromWorking(existing)
  const object = registry.complete(served, applyPatch(served, shown, patch, options, scope))
  registry.fields.onUpdate(scope, existing, object, options)
  return object
}

function applied(
  registry: Registry,
  scope: RequestScope,
  existing: KubernetesObject | undefined,
  patch: ReadPatch,
  options: PatchOptions,
): Writable<KubernetesObject> {
  const { served } = scope
  const result = registry.fields.apply(scope, existing, appliedValue(patch), options)
  tellStrictErrors(patch, options, scope)
  const object = decode(result, served.schema) as Writable<KubernetesObject>
  applyDefaults(object, served.schema)
  return registry.complete(served, object)
}
