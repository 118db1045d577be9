import type { KubernetesObject } from '../../machinery/meta.ts'
import { badRequest } from '../../machinery/status-errors.ts'
import type { Patch } from '../client.ts'

/** Merge patches (RFC 7396) only: the others need the schemas, which the API server has. */
export function applyMemoryPatch<T extends KubernetesObject>(object: T, patch: Patch): T {
  if (patch.type !== 'merge') throw badRequest(`patches of type ${patch.type} are not served from memory`)
  return merge(object, patch.body) as T
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch
  const result: Record<string, unknown> = isRecord(target) ? { ...target } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else if (value !== undefined) result[key] = merge(result[key], value)
  }
  return result
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
