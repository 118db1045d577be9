import type { ResourceRequirements } from '../../api/generated/core.v1.ts'
import { containerBackoff, nextBackoff, type BackoffPolicy } from './backoff.ts'
import { actionKey, type Action, type StartContainer } from './plan/action.ts'
import type { ContainerBackoff, InFlight, PodMemory, StartFailure } from './plan/memory.ts'
import { containerHash } from './plan/restart.ts'
import type { AnyContainer } from './pod.ts'
import type { PodObservation } from './observation.ts'

const failedActionRetryMs = 1000
const maximumRetryMs = 30_000
/** What has been done and has not helped is done again after this. */
const againMs = 5000

/** A pod's memory, changed only by what happens to its actions. */
export class WritablePodMemory implements PodMemory {
  readonly restartBackoff: BackoffPolicy
  readonly inFlight = new Map<string, InFlight>()
  readonly backoffs = new Map<string, ContainerBackoff>()
  readonly failures = new Map<string, StartFailure>()
  readonly stoppedSandboxes = new Set<string>()
  readonly retries = new Map<string, number>()
  readonly applied: { readonly containers: Map<string, ResourceRequirements>; whole?: ResourceRequirements } =
    {
      containers: new Map(),
    }
  #resizeError: string | undefined
  readonly #tries = new Map<string, number>()
  #sandboxFailure: { readonly retryAtMs: number; readonly message: string } | undefined

  constructor(restartBackoff: BackoffPolicy = containerBackoff) {
    this.restartBackoff = restartBackoff
  }

  get sandboxFailure() {
    return this.#sandboxFailure
  }

  get resizeError() {
    return this.#resizeError
  }

  begin(action: Action, container: AnyContainer | undefined, now: number): void {
    const deadlineMs = action.type === 'killContainer' ? now + action.graceSeconds * 1000 : undefined
    this.inFlight.set(actionKey(action), deadlineMs === undefined ? {} : { deadlineMs })
    if (action.type === 'startContainer' && container) this.#countRestart(action, container, now)
  }

  #countRestart(action: StartContainer, container: AnyContainer, now: number): void {
    if (action.previousEndedAtMs === undefined) return
    const hash = containerHash(container)
    const known = this.backoffs.get(action.name)
    const backoff = nextBackoff(
      this.restartBackoff,
      known?.hash === hash ? known : undefined,
      action.previousEndedAtMs,
      now,
    )
    this.backoffs.set(action.name, { ...backoff, hash })
  }

  succeeded(action: Action, now: number): void {
    const key = actionKey(action)
    this.inFlight.delete(key)
    this.retries.delete(key)
    this.#tries.delete(key)
    switch (action.type) {
      case 'createSandbox':
        this.#sandboxFailure = undefined
        break
      case 'startContainer':
        this.failures.delete(action.name)
        break
      case 'stopSandbox':
        this.stoppedSandboxes.add(action.sandboxID)
        this.retries.set(key, now + againMs)
        break
      case 'resizeContainer':
      case 'resizePod':
        this.#resizeError = undefined
        break
      case 'killContainer':
      case 'removeContainer':
      case 'removeSandbox':
        this.retries.set(key, now + againMs)
        break
    }
  }

  /** The action did not succeed. Start failures say themselves when to try again. */
  failed(action: Action, now: number, message: string, failure?: StartFailure): void {
    const key = actionKey(action)
    this.inFlight.delete(key)
    if (action.type === 'startContainer') {
      if (failure) this.failures.set(action.name, failure)
      return
    }
    if (isResize(action)) this.#resizeError = message
    const tries = (this.#tries.get(key) ?? 0) + 1
    this.#tries.set(key, tries)
    const retryAtMs = now + Math.min(maximumRetryMs, failedActionRetryMs * 2 ** (tries - 1))
    if (action.type === 'createSandbox') this.#sandboxFailure = { retryAtMs, message }
    else this.retries.set(key, retryAtMs)
  }

  /** Replaced by a more urgent one, or given up because the pod ends. */
  abandoned(action: Action): void {
    this.inFlight.delete(actionKey(action))
  }

  /** What failed for want of an object of the API may succeed now. */
  forgetConfigFailures(): void {
    for (const [name, { reason }] of this.failures) {
      if (reason === 'CreateContainerConfigError') this.failures.delete(name)
    }
  }

  /** Forgets what belongs to sandboxes and containers that are gone. */
  prune(observed: PodObservation): void {
    const ids = new Set([
      ...observed.sandboxes.map(({ id }) => id),
      ...observed.containers.map(({ id }) => id),
    ])
    for (const id of this.stoppedSandboxes) if (!ids.has(id)) this.stoppedSandboxes.delete(id)
    for (const id of this.applied.containers.keys()) if (!ids.has(id)) this.applied.containers.delete(id)
    for (const key of this.retries.keys()) {
      if (key !== 'resizePod' && !ids.has(key.slice(key.indexOf('/') + 1))) this.retries.delete(key)
    }
  }
}

function isResize(action: Action): boolean {
  return action.type === 'resizeContainer' || action.type === 'resizePod'
}
