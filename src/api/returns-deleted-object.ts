import type { GroupVersionKind } from '../machinery/meta.ts'

const kindsOfCore: ReadonlySet<string> = new Set([
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Pod',
  'PodTemplate',
  'ResourceQuota',
  'Service',
  'ServiceAccount',
])

/**
 * Most deletions answer with a Status; those of these kinds, by tradition, with the object that was. Clients that are
 * generated from OpenAPI can read nothing else.
 */
export function returnsDeletedObject({ group, kind }: Pick<GroupVersionKind, 'group' | 'kind'>): boolean {
  if (group === '') return kindsOfCore.has(kind)
  return group === 'resource.k8s.io' || (group === 'storage.k8s.io' && kind !== 'CSIStorageCapacity')
}
