import { goJson } from '../../machinery/go-json.ts'
import type { KubernetesObject, ObjectMeta, Writable } from '../../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../../machinery/resource.ts'

/*
 * The form in which objects stand in the store: JSON that starts with kind and apiVersion, then metadata in a fixed
 * order without resourceVersion, which is the revision of the entry. Answers are made of these bytes by putting the
 * resourceVersion in behind the uid, so an object is encoded once in its life: when it is written.
 */

/** `{"kind":"Pod","apiVersion":"v1",`: how every stored object of a resource begins. */
export function typeHeader(resource: Resource): string {
  return `{"kind":${goJson(resource.kind)},"apiVersion":${goJson(apiVersionOf(resource))},`
}

/**
 * A shallow copy of `object` in the order in which it is stored, with empty metadata fields left out and no
 * resourceVersion yet.
 */
export function arrangeObject<T extends KubernetesObject>(resource: Resource<T>, object: T): Writable<T> {
  const { kind: _kind, apiVersion: _apiVersion, metadata = {}, ...rest } = object
  return {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: arrangeMetadata(metadata),
    ...rest,
  } as unknown as Writable<T>
}

function arrangeMetadata(metadata: ObjectMeta): Writable<ObjectMeta> {
  const { name, generateName, namespace, uid, generation, creationTimestamp } = metadata
  const { deletionTimestamp, deletionGracePeriodSeconds, labels, annotations } = metadata
  const { ownerReferences, finalizers, managedFields } = metadata
  const arranged: Record<string, unknown> = { name }
  if (generateName) arranged['generateName'] = generateName
  if (namespace) arranged['namespace'] = namespace
  // The place of the resourceVersion is found by it: it stands there also where a foreign object has none.
  arranged['uid'] = uid ?? ''
  // Set when the store has assigned it; the place is kept so that the order is the same for all.
  arranged['resourceVersion'] = undefined
  if (generation) arranged['generation'] = generation
  if (creationTimestamp) arranged['creationTimestamp'] = creationTimestamp
  if (deletionTimestamp) arranged['deletionTimestamp'] = deletionTimestamp
  if (deletionGracePeriodSeconds !== undefined) {
    arranged['deletionGracePeriodSeconds'] = deletionGracePeriodSeconds
  }
  if (labels && hasKeys(labels)) arranged['labels'] = labels
  if (annotations && hasKeys(annotations)) arranged['annotations'] = annotations
  if (ownerReferences?.length) arranged['ownerReferences'] = ownerReferences
  if (finalizers?.length) arranged['finalizers'] = finalizers
  if (managedFields?.length) arranged['managedFields'] = managedFields
  return arranged
}

function hasKeys(map: object): boolean {
  for (const _key in map) return true
  return false
}

/** The bytes that are stored for an arranged object. */
export function encodeArranged(object: KubernetesObject): Buffer {
  return Buffer.from(goJson(object))
}

const uidMarker = Buffer.from('"uid":"')

/**
 * Where the resourceVersion goes in stored bytes: right behind the uid, which is the fourth field of metadata. -1 when
 * these bytes were not written by encodeArranged. The marker cannot occur earlier: what stands before it are names, and
 * a quote within a JSON string has a backslash in front.
 */
export function resourceVersionPosition(value: Buffer, header: Buffer): number {
  if (value.compare(header, 0, header.length, 0, header.length) !== 0) return -1
  const marker = value.indexOf(uidMarker, header.length)
  if (marker < 0) return -1
  const end = value.indexOf(0x22, marker + uidMarker.length)
  return end < 0 ? -1 : end + 1
}
