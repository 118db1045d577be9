import type { Clock } from '../../machinery/clock.ts'
import { defaultBuckets, exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'
import type { Action } from '../pods/plan/action.ts'
import type { ContainerKind } from '../pods/pod.ts'

/** How pods fare on this node, counted as it happens. */
export interface PodMetrics {
  /** A pod was looked at, `startMs` by the monotonic clock. */
  looked(operation: 'create' | 'sync' | 'terminate', startMs: number): void
  /** A pod runs for the first time, that many milliseconds after it was first seen. */
  ran(tookMs: number): void
  /** A new pod has so many containers. */
  came(containers: number): void
  /** Something was done for a pod. `reason`: why it failed. */
  acted(action: Action, reason?: string): void
  evicted(signal: string): void
}

const startBuckets = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700,
  3600,
]
const typeOf: Readonly<Record<ContainerKind, string>> = {
  init: 'init_container',
  sidecar: 'init_container',
  main: 'container',
  ephemeral: 'ephemeral_container',
}

/** Source: kubernetes/pkg/kubelet/metrics/metrics.go. */
export function createPodMetrics(metrics: Metrics, clock: Clock): PodMetrics {
  const lookSeconds = metrics.histogram({
    name: 'kubelet_pod_worker_duration_seconds',
    help: 'How long looking at a pod and deciding what to do takes, by what it is looked at for.',
    labels: ['operation_type'],
    buckets: defaultBuckets,
  })
  const startSeconds = metrics.histogram({
    name: 'kubelet_pod_start_duration_seconds',
    help: 'How long pods take from being seen first to running.',
    buckets: startBuckets,
  })
  const containerCount = metrics.histogram({
    name: 'kubelet_containers_per_pod_count',
    help: 'Containers per pod.',
    buckets: exponentialBuckets(1, 2, 5),
  })
  const counter = (name: string, help: string) => metrics.counter({ name, help }).with({})
  const pods = counter('kubelet_started_pods_total', 'Sandboxes of pods that were begun.')
  const podErrors = counter('kubelet_started_pods_errors_total', 'Sandboxes of pods that could not be begun.')
  const containers = metrics.counter({
    name: 'kubelet_started_containers_total',
    help: 'Containers that were begun.',
    labels: ['container_type'],
  })
  const containerErrors = metrics.counter({
    name: 'kubelet_started_containers_errors_total',
    help: 'Containers that could not be begun, by why.',
    labels: ['container_type', 'code'],
  })
  const evictions = metrics.counter({
    name: 'kubelet_evictions',
    help: 'Pods that were evicted, by what the node was short of.',
    labels: ['eviction_signal'],
  })
  return {
    looked(operation, startMs) {
      lookSeconds.with({ operation_type: operation }).observe((clock.monotonic() - startMs) / 1000)
    },
    ran: (tookMs) => startSeconds.with({}).observe(tookMs / 1000),
    came: (count) => containerCount.with({}).observe(count),
    acted(action, reason) {
      if (action.type === 'createSandbox') {
        pods.add()
        if (reason !== undefined) podErrors.add()
      }
      if (action.type !== 'startContainer') return
      const type = typeOf[action.kind]
      containers.with({ container_type: type }).add()
      if (reason !== undefined) containerErrors.with({ container_type: type, code: reason }).add()
    },
    evicted: (signal) => evictions.with({ eviction_signal: signal }).add(),
  }
}
