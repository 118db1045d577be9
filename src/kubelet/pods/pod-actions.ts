import type { Pod } from '../../api/generated/core.v1.ts'
import { PrepareError } from './create-sandbox.ts'
import type { PodEvents } from './events.ts'
import { performAction } from './perform-action.ts'
import { actionKey, type Action } from './plan/action.ts'
import type { WritablePodMemory } from './pod-memory.ts'
import { describePod, findContainer } from './pod.ts'
import type { PodServices } from './services.ts'
import { StartError } from './start-container.ts'
import type { VolumeKeeper } from './volume-keeper.ts'

/** What is being done for one pod. What comes of it is remembered once the runtime has been seen to have it. */
export interface PodActions {
  /** Begins an action, in place of the same one that may be under way. */
  launch(action: Action): void
  /** The pod ends: what would still start something is given up. */
  abortStarts(): void
  /** The kubelet stops: all is given up. */
  abortAll(): void
  /** Tries until it is done, or the worker is halted. */
  untilDone(attempt: () => Promise<boolean>): Promise<void>
}

export interface PodActionsOptions {
  readonly services: PodServices
  readonly uid: string
  readonly pod: () => Pod
  readonly volumes: () => VolumeKeeper | undefined
  readonly memory: WritablePodMemory
  readonly events: () => PodEvents
  readonly isHalted: () => boolean
  /** Told of all work that is begun. */
  readonly track: (work: Promise<void>) => void
  /** The pod should be looked at again. */
  readonly wake: () => void
}

const firstSeeRetryMs = 200
/** How long upstream waits before it looks at a pod again that something failed for. */
export const syncRetryMs = 10_000

export function createPodActions(options: PodActionsOptions): PodActions {
  const { services, uid, pod, volumes, memory, events, isHalted, track, wake } = options
  const { clock, log, observer } = services
  const aborts = new Map<string, AbortController>()

  function launch(action: Action): void {
    const key = actionKey(action)
    aborts.get(key)?.abort(new Error('replaced'))
    const abort = new AbortController()
    aborts.set(key, abort)
    const name = 'name' in action ? action.name : ''
    memory.begin(action, findContainer(pod(), name)?.container, clock.now())
    const { signal } = abort
    const context = { services, pod: pod(), volumes: volumes()?.ready, memory, events: events(), signal }
    const done = performAction(context, action)
      .then(
        () => () => {
          services.podMetrics?.acted(action)
          memory.succeeded(action, clock.now())
        },
        (error: unknown) => () => conclude(action, signal, error),
      )
      .then(async (end) => {
        // It is under way until what came of it has been seen: else it would be done again.
        await untilDone(async () => (await observer.refresh(uid)) !== undefined)
        if (aborts.get(key) !== abort) return
        end()
        aborts.delete(key)
      })
    track(done.finally(wake))
  }

  async function untilDone(attempt: () => Promise<boolean>): Promise<void> {
    for (let delayMs = firstSeeRetryMs; ; delayMs = Math.min(delayMs * 2, syncRetryMs)) {
      if (isHalted()) return
      try {
        if (await attempt()) return
      } catch (error) {
        if (isHalted()) return
        log.warn('asking the runtime about a pod failed', { uid, error })
      }
      await new Promise<void>((resolve) => clock.after(delayMs, resolve))
    }
  }

  function conclude(action: Action, signal: AbortSignal, error: unknown): void {
    const now = clock.now()
    if (signal.aborted || isHalted()) return memory.abandoned(action)
    const message = error instanceof Error ? error.message : String(error)
    services.podMetrics?.acted(action, error instanceof StartError ? error.reason : 'Unknown')
    if (error instanceof StartError) {
      const { reason, retryAtMs, backoff } = error
      const crashes = reason === 'RunContainerError' || reason === 'PostStartHookError'
      return memory.failed(action, now, message, {
        reason,
        message,
        failedAtMs: now,
        ...(backoff && { backoff }),
        ...(!crashes && { retryAtMs: retryAtMs ?? now + syncRetryMs }),
      })
    }
    memory.failed(action, now, message)
    if (error instanceof PrepareError) {
      events().warning('FailedPrepareDynamicResources', `Failed to prepare dynamic resources: ${message}`)
    } else if (action.type === 'createSandbox') {
      events().warning('FailedCreatePodSandBox', `Failed to create pod sandbox: ${message}`)
    } else if (action.type === 'killContainer') {
      events().warning('FailedKillPod', `error killing pod: ${message}`)
    }
    log.warn('an action on a pod failed', { pod: describePod(pod()), action: action.type, error })
  }

  return {
    launch,
    untilDone,
    abortStarts() {
      for (const [key, abort] of aborts) {
        if (key.startsWith('start/') || key === 'createSandbox') abort.abort(new Error('the pod ends'))
      }
    },
    abortAll() {
      for (const abort of aborts.values()) abort.abort(new Error('the kubelet stops'))
    },
  }
}
