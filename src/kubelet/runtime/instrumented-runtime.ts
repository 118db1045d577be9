import type { Clock } from '../../machinery/clock.ts'
import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'
import type { ContainerRuntime } from './runtime.ts'

/** The calls that are counted, by upstream's names. Source: kubernetes/pkg/kubelet/kuberuntime/instrumented_services.go. */
const operations = {
  version: 'version',
  status: 'status',
  updatePodCIDR: 'update_runtime_config',
  runSandbox: 'run_podsandbox',
  stopSandbox: 'stop_podsandbox',
  removeSandbox: 'remove_podsandbox',
  listSandboxes: 'list_podsandbox',
  sandboxStatus: 'podsandbox_status',
  createContainer: 'create_container',
  startContainer: 'start_container',
  stopContainer: 'stop_container',
  removeContainer: 'remove_container',
  listContainers: 'list_containers',
  containerStatus: 'container_status',
  updateContainerResources: 'update_container',
  reopenContainerLog: 'reopen_container_log',
  containerStats: 'list_container_stats',
  execSync: 'exec_sync',
  exec: 'exec',
  attach: 'attach',
  portForward: 'port_forward',
  listImages: 'list_images',
  imageStatus: 'image_status',
  pullImage: 'pull_image',
  removeImage: 'remove_image',
  imageFilesystem: 'image_fs_info',
} as const satisfies Partial<Record<keyof ContainerRuntime, string>>

type Operation = keyof typeof operations
type AnyCall = (...parameters: never[]) => Promise<unknown>

/** The same runtime, an object without a class, whose calls are counted and timed. */
export function instrumentedRuntime(
  runtime: ContainerRuntime,
  metrics: Metrics,
  clock: Clock,
): ContainerRuntime {
  const labels = ['operation_type'] as const
  const total = metrics.counter({
    name: 'kubelet_runtime_operations_total',
    help: 'Calls to the container runtime.',
    labels,
  })
  const failed = metrics.counter({
    name: 'kubelet_runtime_operations_errors_total',
    help: 'Calls to the container runtime that failed.',
    labels,
  })
  const seconds = metrics.histogram({
    name: 'kubelet_runtime_operations_duration_seconds',
    help: 'How long calls to the container runtime take.',
    labels,
    buckets: exponentialBuckets(0.005, 2.5, 14),
  })

  function counted(operation: Operation): AnyCall {
    const label = { operation_type: operations[operation] }
    const call = (runtime[operation] as AnyCall).bind(runtime)
    return async (...parameters) => {
      const start = clock.monotonic()
      total.with(label).add()
      try {
        return await call(...parameters)
      } catch (error) {
        failed.with(label).add()
        throw error
      } finally {
        seconds.with(label).observe((clock.monotonic() - start) / 1000)
      }
    }
  }

  const calls = Object.fromEntries(
    (Object.keys(operations) as Operation[]).map((operation) => [operation, counted(operation)]),
  )
  return { ...runtime, ...calls }
}
