import type { Node, Pod } from '../../api/generated/core.v1.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { defined } from '../configuration/defined.ts'
import { createImageCollector } from '../images/image-collector.ts'
import type { PullRecords } from '../images/pull-records.ts'
import { namesOf } from '../../machinery/image-reference.ts'
import type { PodMetrics } from '../metrics/pod-metrics.ts'
import type { EvictionSettings, ImageCollectionSettings } from '../options.ts'
import type { Observer } from '../pods/observer.ts'
import type { PodManager } from '../pods/pod-manager.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import { createEvictionManager, type EvictionManager } from './eviction-manager.ts'
import { podUsages } from './pod-usage.ts'
import { readFilesystem, readSignals } from './read-signals.ts'
import { defaultHardThresholds, hardThresholds, softThresholds } from './threshold.ts'

export interface NodeGuardOptions {
  readonly runtime: ContainerRuntime
  readonly observer: Observer
  readonly manager: PodManager
  readonly clock: Clock
  readonly log: Logger
  readonly recorder: EventRecorder
  readonly node: Node
  readonly rootDirectory: string
  readonly eviction: EvictionSettings
  readonly images: ImageCollectionSettings
  readonly pullRecords: PullRecords
  readonly onChange: () => void
  readonly podMetrics?: PodMetrics
}

/** Keeps this machine from filling up: ends pods when it is short of something, and removes unused images. */
export function guardNode(options: NodeGuardOptions): EvictionManager {
  const { runtime, observer, manager, clock, log, recorder, rootDirectory, eviction, images } = options
  const isReal = runtime.usesHost
  const collector = createImageCollector({
    runtime,
    clock,
    log,
    onImages: (imageIDs, atMs) => options.pullRecords.prune(imageIDs, atMs),
    used: () => new Set([...usedImages(observer), ...volumeImages(manager.pods())]),
    async filesystem() {
      if (!isReal) return undefined
      const [first] = await runtime.imageFilesystem()
      return first && (await readFilesystem(first.mountpoint))?.bytes
    },
    ...defined({
      highThresholdPercent: images.imageGCHighThresholdPercent,
      lowThresholdPercent: images.imageGCLowThresholdPercent,
      minimumAgeMs: images.imageMinimumGCAgeMs,
      maximumAgeMs: images.imageMaximumGCAgeMs,
    }),
    onFailure: (reason, message) => recorder.event(options.node, 'Warning', reason, message),
  })
  const reclaims = eviction.evictionMinimumReclaim
  const thresholds = [
    ...hardThresholds(eviction.evictionHard ?? defaultHardThresholds, reclaims),
    ...softThresholds(eviction.evictionSoft ?? {}, eviction.evictionSoftGracePeriodMs ?? {}, reclaims),
  ]
  const { read } = eviction
  const evictions = createEvictionManager({
    clock,
    log,
    // Pods of a simulated runtime use nothing of this machine.
    thresholds: isReal || read ? thresholds : [],
    ...defined({
      transitionPeriodMs: eviction.evictionPressureTransitionPeriodMs,
      maxPodGracePeriodSeconds: eviction.evictionMaxPodGracePeriod,
    }),
    read: read ?? (() => readSignals(runtime, rootDirectory)),
    usage: (pods) => podUsages({ runtime, rootDirectory, observed: (uid) => observer.get(uid) }, pods),
    pods: () => manager.active(),
    reclaimDisk: () => collector.removeUnused(),
    evict(pod, failure, signal) {
      options.podMetrics?.evicted(signal)
      manager.evict(pod.metadata?.uid ?? '', failure)
    },
    onChange: options.onChange,
  })
  return {
    get pressures() {
      return evictions.pressures
    },
    check: () => evictions.check(),
    stop() {
      evictions.stop()
      collector.stop()
    },
  }
}

/** Images that are mounted: containers do not tell of them. */
function volumeImages(pods: readonly Pod[]): readonly string[] {
  return pods.flatMap(({ spec }) =>
    (spec?.volumes ?? []).flatMap(({ image }) => (image?.reference ? namesOf(image.reference) : [])),
  )
}

function* usedImages(observer: Observer): Iterable<string> {
  for (const uid of observer.podUIDs()) {
    for (const { image, imageRef } of observer.get(uid).containers) {
      yield image
      yield imageRef
    }
  }
}
