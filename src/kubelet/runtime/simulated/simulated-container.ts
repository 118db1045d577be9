import type { ByteQueue } from '../../../machinery/streaming/byte-queue.ts'
import type {
  ContainerConfig,
  ContainerStatus,
  ContainerSummary,
  RuntimeFilter,
  SandboxConfig,
  SandboxStatus,
} from '../runtime.ts'

export interface SimulatedSandbox {
  status: SandboxStatus
  readonly config: SandboxConfig
}

export interface SimulatedContainer {
  status: ContainerStatus
  readonly sandboxID: string
  readonly config: ContainerConfig
  readonly log: Buffer[]
  readonly watchers: Set<ByteQueue>
  /** CPU time used until `atMs`. */
  cpu: { readonly nanoseconds: number; readonly atMs: number }
  /** Ends the process with this code. */
  end: ((exitCode: number) => void) | undefined
}

export function podUIDOf(target: SimulatedContainer): string {
  return target.config.labels['io.kubernetes.pod.uid'] ?? ''
}

export function summaryOf({ status, sandboxID }: SimulatedContainer): ContainerSummary {
  const { id, name, attempt, state, createdAtMs, labels, annotations } = status
  return { id, sandboxID, name, attempt, state, createdAtMs, labels, annotations }
}

export function matchesFilter(filter: RuntimeFilter | undefined, id: string, podUID: string): boolean {
  return (
    (filter?.id === undefined || filter.id === id) &&
    (filter?.podUID === undefined || filter.podUID === podUID)
  )
}
