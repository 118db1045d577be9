import { schemaOf } from '../../api/scheme.ts'
import type { JsonValue, KubernetesObject } from '../../machinery/meta.ts'
import { applyJsonPatch, parseJsonPatch } from '../../machinery/patch/json-patch.ts'
import { applyMergePatch } from '../../machinery/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../machinery/patch/strategic-merge-patch.ts'
import type { Resource } from '../../machinery/resource.ts'
import { badRequest } from '../../machinery/status-errors.ts'
import type { Patch } from '../client.ts'

/**
 * Server-side apply adds and changes, but takes nothing away: that needs the field managers that the API server keeps.
 */
export function applyMemoryPatch<T extends KubernetesObject>(
  resource: Resource<T>,
  object: T,
  patch: Patch,
): T {
  const document = object as unknown as JsonValue
  return patched(resource, document, patch) as unknown as T
}

function patched(resource: Resource, document: JsonValue, patch: Patch): JsonValue {
  switch (patch.type) {
    case 'json':
      return applyJsonPatch(document, parseJsonPatch(patch.operations))
    case 'merge':
      return applyMergePatch(document, plain(patch.body))
    case 'apply':
    case 'strategic': {
      const schema = schemaOf(resource)
      if (!schema) throw badRequest(`${resource.kind} has no strategic merge`)
      return applyStrategicMergePatch(document, plain(patch.body), schema)
    }
  }
}

/** As it comes over the wire: without undefined. */
function plain(body: unknown): JsonValue {
  return JSON.parse(JSON.stringify(body)) as JsonValue
}
