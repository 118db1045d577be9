import { every, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { ContainerRuntime, Image } from '../runtime/runtime.ts'

export interface ImageCollectorOptions {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  readonly log: Logger
  /** Images of all containers there are, by whatever name. */
  readonly used: () => ReadonlySet<string>
  /** Told of all images that there are, as of when. */
  readonly onImages?: (imageIDs: ReadonlySet<string>, atMs: number) => Promise<void>
  /** Bytes of the file system that images are on; undefined when it cannot be told. */
  readonly filesystem: () => Promise<{ readonly available: number; readonly capacity: number } | undefined>
  /** Used in percent: above the first, images are removed until it is below the second. Default 85 and 80. */
  readonly highThresholdPercent?: number
  readonly lowThresholdPercent?: number
  /** An image that has not been here as long is left alone. Default 2 minutes. */
  readonly minimumAgeMs?: number
  /** An image that has not been used as long is removed, whatever the disk has; 0 for never. Default 0. */
  readonly maximumAgeMs?: number
  /** The disk could not be brought below the threshold, in upstream's words. */
  readonly onFailure: (reason: 'FreeDiskSpaceFailed' | 'InvalidDiskCapacity', message: string) => void
}

/** Removes images that no container has, when their disk fills up: those that have not been used longest first. */
export interface ImageCollector {
  /** Looks once, as it does every five minutes. */
  collect(): Promise<void>
  /** Removes every unused image, whatever its age. */
  removeUnused(): Promise<void>
  stop(): void
}

const periodMs = 300_000
const detectPeriodMs = 60_000
const defaultMinimumAgeMs = 120_000

interface Record {
  readonly detectedAtMs: number
  lastUsedAtMs: number
}

export function createImageCollector(options: ImageCollectorOptions): ImageCollector {
  const { runtime, clock, log, highThresholdPercent = 85, lowThresholdPercent = 80 } = options
  const { minimumAgeMs = defaultMinimumAgeMs, maximumAgeMs = 0 } = options
  const records = new Map<string, Record>()
  let isRunning = false

  /** Learns which images there are, and which are used. Resolves with the unused ones, the longest unused first. */
  async function detect(): Promise<readonly { readonly image: Image; readonly record: Record }[]> {
    const askedAtMs = clock.now()
    const images = await runtime.listImages()
    const used = options.used()
    const now = clock.now()
    const present = new Set(images.map(({ id }) => id))
    await options.onImages?.(present, askedAtMs)
    for (const id of records.keys()) if (!present.has(id)) records.delete(id)
    const unused: { image: Image; record: Record }[] = []
    for (const image of images) {
      const record = records.get(image.id) ?? { detectedAtMs: now, lastUsedAtMs: 0 }
      records.set(image.id, record)
      const names = [image.id, ...image.repoTags, ...image.repoDigests]
      if (names.some((name) => used.has(name))) record.lastUsedAtMs = now
      else if (!image.pinned) unused.push({ image, record })
    }
    return unused.sort(
      (a, b) =>
        a.record.lastUsedAtMs - b.record.lastUsedAtMs || a.record.detectedAtMs - b.record.detectedAtMs,
    )
  }

  /** Resolves with how much was freed: at least `bytes` when there was as much to remove. */
  async function free(bytes: number, youngestMs: number): Promise<number> {
    let freed = 0
    const now = clock.now()
    for (const { image, record } of await detect()) {
      if (freed >= bytes) break
      if (record.lastUsedAtMs === now || now - record.detectedAtMs < youngestMs) continue
      if (await remove(image)) freed += image.sizeBytes
    }
    return freed
  }

  async function remove(image: Image): Promise<boolean> {
    try {
      log.info('removing an unused image', { image: image.repoTags[0] ?? image.id })
      await runtime.removeImage({ image: image.id })
      records.delete(image.id)
      return true
    } catch (error) {
      log.warn('removing an image failed', { image: image.id, error })
      return false
    }
  }

  async function collect(): Promise<void> {
    const unused = await detect()
    if (maximumAgeMs > 0) {
      const now = clock.now()
      for (const { image, record } of unused) {
        if (now - Math.max(record.lastUsedAtMs, record.detectedAtMs) > maximumAgeMs) await remove(image)
      }
    }
    if (highThresholdPercent >= 100) return
    const disk = await options.filesystem()
    if (!disk) return
    if (disk.capacity === 0) {
      return options.onFailure('InvalidDiskCapacity', 'invalid capacity 0 on image filesystem')
    }
    const available = Math.min(disk.available, disk.capacity)
    const usedPercent = 100 - Math.floor((available * 100) / disk.capacity)
    if (usedPercent < highThresholdPercent) return
    const wanted = Math.floor((disk.capacity * (100 - lowThresholdPercent)) / 100) - available
    const freed = await free(wanted, minimumAgeMs)
    if (freed >= wanted) return
    options.onFailure(
      'FreeDiskSpaceFailed',
      `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`,
    )
  }

  function run(work: () => Promise<unknown>): void {
    if (isRunning) return
    isRunning = true
    work()
      .catch((error: unknown) => log.warn('collecting images failed', { error }))
      .finally(() => (isRunning = false))
  }

  const ends = [every(clock, detectPeriodMs, () => run(detect)), every(clock, periodMs, () => run(collect))]
  return {
    collect,
    async removeUnused() {
      await free(Number.MAX_SAFE_INTEGER, 0)
    },
    stop() {
      for (const end of ends) end()
    },
  }
}
