import type { EmptyDirVolumeSource, Pod } from '../../api/generated/core.v1.ts'
import { formatQuantity, parseQuantity, quantityValue } from '../../machinery/quantity.ts'
import { podMemoryLimitBytes } from '../cgroups/pod-limits.ts'
import { VolumeError } from './volume-error.ts'

/** What an emptyDir is: a directory of the node's disk, or a file system in memory. */
export type EmptyDir =
  | { readonly type: 'directory' }
  | { readonly type: 'tmpfs'; readonly mountOptions: readonly string[] }
  | { readonly type: 'hugetlbfs'; readonly mountOptions: readonly string[] }

const hugePages = 'HugePages'
const resourcePrefix = 'hugepages-'

/** Throws a VolumeError in upstream's words. Source: kubernetes/pkg/volume/emptydir. */
export function emptyDirOf(pod: Pod, source: EmptyDirVolumeSource, allocatableMemory: string): EmptyDir {
  const { medium = '' } = source
  if (medium === '') return { type: 'directory' }
  if (medium === 'Memory') {
    return { type: 'tmpfs', mountOptions: [`size=${memorySizeBytes(pod, source, allocatableMemory)}`] }
  }
  if (medium === hugePages || medium.startsWith(`${hugePages}-`))
    return { type: 'hugetlbfs', mountOptions: [`pagesize=${pageSizeOf(pod, medium)}`] }
  throw new VolumeError(`unknown storage medium "${medium}"`)
}

/** The smallest of what pods may have on this node, what this pod may have, and what the volume may hold. */
function memorySizeBytes(pod: Pod, { sizeLimit }: EmptyDirVolumeSource, allocatableMemory: string): number {
  const sizes = [
    quantityValue(allocatableMemory),
    podMemoryLimitBytes(pod),
    sizeLimit === undefined ? undefined : quantityValue(sizeLimit),
  ]
  return Math.min(...sizes.filter((size) => size !== undefined && size > 0).map(Number))
}

/** Of the sizes that the pod's containers ask for: the one the medium names, or the only one. */
function pageSizeOf({ spec }: Pod, medium: string): string {
  const named = medium === hugePages ? undefined : quantityValue(medium.slice(hugePages.length + 1))
  const sizes = new Set(
    [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
      .flatMap(({ resources }) => Object.keys({ ...resources?.limits, ...resources?.requests }))
      .filter((name) => name.startsWith(resourcePrefix))
      .map((name) => name.slice(resourcePrefix.length)),
  )
  const fitting = [...sizes].filter((size) => named === undefined || quantityValue(size) === named)
  const bytes = new Set(fitting.map((size) => quantityValue(size)))
  if (bytes.size > 1)
    throw new VolumeError(`medium: ${medium} can't be used if container requests multiple huge page sizes`)
  const [size] = fitting
  if (size === undefined)
    throw new VolumeError(
      `medium ${medium}: hugePages storage requested, but there is no resource request for huge pages`,
    )
  return formatQuantity(parseQuantity(size))
}
