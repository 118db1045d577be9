import type { Writable } from '../../machinery/meta.ts'
import type { Device, DeviceAttribute, ResourceSlice } from '../generated/resource.v1.ts'

const listTypes = ['ints', 'bools', 'strings', 'versions'] as const

/**
 * Leaves out what belongs to features that are off (lists as attributes, resources of nodes that devices stand for),
 * but where the slice had it before. Source: kubernetes/pkg/registry/resource/resourceslice/strategy.go.
 */
export function dropDisabledFields({ spec }: Writable<ResourceSlice>, previous?: ResourceSlice): void {
  const before = previous?.spec?.devices ?? []
  const keepsLists = before.some((device) => attributesOf(device).some(isList))
  const keepsMappings = before.some(({ nodeAllocatableResourceMappings: mappings }) => hasEntries(mappings))
  for (const device of spec?.devices ?? []) {
    if (!keepsMappings) delete device.nodeAllocatableResourceMappings
    if (keepsLists) continue
    for (const attribute of attributesOf(device)) {
      for (const type of listTypes) delete (attribute as Writable<DeviceAttribute>)[type]
    }
  }
}

function attributesOf({ attributes = {} }: Device): DeviceAttribute[] {
  return Object.values(attributes)
}

function isList(attribute: DeviceAttribute): boolean {
  return listTypes.some((type) => attribute[type] !== undefined)
}

function hasEntries(map: object | undefined): boolean {
  return map !== undefined && Object.keys(map).length > 0
}
