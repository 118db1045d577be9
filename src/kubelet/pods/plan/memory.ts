import type { ResourceRequirements } from '../../../api/generated/core.v1.ts'
import { containerBackoff, type Backoff, type BackoffPolicy } from '../backoff.ts'

/**
 * What a pod's worker remembers between looks, because the runtime cannot tell. Lost when the kubelet restarts; the
 * plan is right without it, only less patient.
 */
export interface PodMemory {
  /** Actions under way, by actionKey. */
  readonly inFlight: ReadonlyMap<string, InFlight>
  /** How long containers that end again and again wait. */
  readonly restartBackoff: BackoffPolicy
  /** By container name. */
  readonly backoffs: ReadonlyMap<string, ContainerBackoff>
  /** Why the last start of a container failed, by container name; removed by a success. */
  readonly failures: ReadonlyMap<string, StartFailure>
  /** When and why creating the sandbox failed last; removed by a success. */
  readonly sandboxFailure?: { readonly retryAtMs: number; readonly message: string } | undefined
  /** Sandboxes whose network has been released. */
  readonly stoppedSandboxes: ReadonlySet<string>
  /** Not before this time again, by actionKey: what failed, or was done and has not helped. */
  readonly retries: ReadonlyMap<string, number>
  readonly applied: AppliedResources
  /** Why the resources that are set aside for the pod could not be given to it last; removed by a success. */
  readonly resizeError?: string | undefined
}

/** What the cgroups say, as far as this kubelet has written them. */
export interface AppliedResources {
  /** Of running containers, by container id. */
  readonly containers: ReadonlyMap<string, ResourceRequirements>
  /** Of the pod as a whole. */
  readonly whole?: ResourceRequirements | undefined
}

export interface InFlight {
  /** Of a kill: when SIGKILL is due. */
  readonly deadlineMs?: number
}

export interface ContainerBackoff extends Backoff {
  /** Of the container's definition: a new definition starts anew. */
  readonly hash: string
}

export interface StartFailure {
  /** The waiting reason of the container status: `ErrImagePull`, `CreateContainerConfigError`, ... */
  readonly reason: string
  readonly message: string
  readonly failedAtMs: number
  /** Not before this time; absent where the crash back-off rules. */
  readonly retryAtMs?: number
  /** Shown instead of `reason` once the failure has been seen: `ImagePullBackOff`. */
  readonly backoff?: { readonly reason: string; readonly message: string }
}

export const emptyMemory: PodMemory = {
  restartBackoff: containerBackoff,
  inFlight: new Map(),
  backoffs: new Map(),
  failures: new Map(),
  stoppedSandboxes: new Set(),
  retries: new Map(),
  applied: { containers: new Map() },
}
