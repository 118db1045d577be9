import { goJsonSorted } from '../go-json.ts'
import type { JsonValue, KubernetesObject } from '../meta.ts'
import { totalAnnotationSizeLimitBytes } from '../validation/object-meta.ts'
import { compareTyped } from './compare.ts'
import { difference, type FieldSet } from './field-set.ts'
import { toFieldSet } from './to-field-set.ts'
import { TypedValueError } from './typed.ts'
import type { Versioning } from './updater.ts'
import { assertTyped } from './validate-typed.ts'

/** Where `kubectl apply` without --server-side keeps what it applied. */
export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'

/** The only manager for which the annotation counts and is kept up to date. */
export const clientSideApplier = 'kubectl'

export function lastAppliedOf(object: KubernetesObject): string | undefined {
  return object.metadata?.annotations?.[lastAppliedAnnotation] || undefined
}

/**
 * The fields that client-side apply set and that still have the value it set: taking them over is no conflict.
 * Undefined when the annotation is missing or says nothing about this version.
 */
export function fieldsOfLastApplied(live: KubernetesObject, versioning: Versioning): FieldSet | undefined {
  const lastApplied = parseLastApplied(lastAppliedOf(live))
  if (!lastApplied || lastApplied.apiVersion !== versioning.apiVersion) return undefined
  try {
    const value = lastApplied as unknown as JsonValue
    assertTyped(value, versioning.schema)
    const { removed, modified, added } = compareTyped(value, live as unknown as JsonValue, versioning.schema)
    const fields = toFieldSet(value, versioning.schema)
    return [modified, added, removed].reduce(difference, fields)
  } catch (error) {
    if (error instanceof TypedValueError) return undefined
    throw error
  }
}

function parseLastApplied(text: string | undefined): KubernetesObject | undefined {
  if (text === undefined) return undefined
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The object with the annotation saying what was applied now; without it when it would be too large. */
export function withLastApplied(object: KubernetesObject, applied: KubernetesObject): KubernetesObject {
  const { [lastAppliedAnnotation]: _, ...rest } = object.metadata?.annotations ?? {}
  const annotations = { ...rest, [lastAppliedAnnotation]: `${goJsonSorted(withoutLastApplied(applied))}\n` }
  const totalBytes = Object.entries(annotations)
    .flat()
    .reduce((bytes, text) => bytes + Buffer.byteLength(text), 0)
  const kept = totalBytes > totalAnnotationSizeLimitBytes ? rest : annotations
  return { ...object, metadata: { ...object.metadata, annotations: kept } }
}

function withoutLastApplied(applied: KubernetesObject): KubernetesObject {
  const annotations = applied.metadata?.annotations
  if (!annotations || !(lastAppliedAnnotation in annotations)) return applied
  const { [lastAppliedAnnotation]: _, ...rest } = annotations
  return { ...applied, metadata: { ...applied.metadata, annotations: rest } }
}
