import { rm } from 'node:fs/promises'
import type { Pod, PodStatus } from '../../api/generated/core.v1.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { parseTime } from '../../machinery/time.ts'
import { podLogDirectory } from '../containers/sandbox-config.ts'
import { createPodProber } from '../probes/pod-prober.ts'
import { runProbe } from '../probes/run-probe.ts'
import { podEvents } from './events.ts'
import { PrepareError } from './create-sandbox.ts'
import { performAction } from './perform-action.ts'
import { knownContainersSeen, unseenContainers } from './known-containers.ts'
import { currentSandbox } from './observation.ts'
import { actionKey, type Action } from './plan/action.ts'
import type { Ending, Plan, ResizeVerdict, Waiting } from './plan/input.ts'
import { planPod } from './plan/plan-pod.ts'
import { isResizing } from './plan/resize.ts'
import { nextEnding } from './pod-ending.ts'
import { WritablePodMemory } from './pod-memory.ts'
import { describePod, findContainer, isStaticPod, isTerminalPhase } from './pod.ts'
import type { PodServices } from './services.ts'
import { StartError } from './start-container.ts'
import { podStatus, type Failure } from './status/pod-status.ts'
import { qosClassOf } from '../../api/core/pod/qos-class.ts'
import { keepVolumes, type VolumeKeeper } from './volume-keeper.ts'

/**
 * Drives one pod: looks whenever something may have changed, plans, tells its status, and acts. Actions run beside one
 * another and beside the next looks; what they find is seen by asking the runtime again, not by what they return.
 */
export interface PodWorker {
  readonly uid: string
  readonly pod: Pod
  /** The pod as its source has it now. */
  update(pod: Pod): void
  /** The source does not have the pod any more. */
  removed(): void
  /** The pod may not run here, or not any longer. */
  fail(failure: Failure): void
  /** The pod waits until it is known whether it may run: undefined when it may. */
  hold(admission: Promise<Failure | undefined>): void
  /** An object that the pod refers to has changed. */
  refreshObjects(): void
  /** Look again. */
  wake(): void
  readonly status: PodStatus | undefined
  /** Nothing of the pod runs, and nothing will. */
  readonly stopped: boolean
  /** It has given back, beside, what the node lent: volumes, devices, cgroups. */
  readonly released: boolean
  /** Nothing of the pod is left on this node. */
  readonly finished: Promise<void>
  /** Stops looking and acting; what runs goes on, and what the runtime was told it finishes. */
  stop(): Promise<void>
  /** Resolves when nothing is under way: after `stop`, when the runtime has answered or been closed. */
  idle(): Promise<void>
}

export interface PodWorkerOptions {
  readonly services: PodServices
  readonly pod: Pod
  /** Of a pod that only the runtime knows of: there is nobody to tell a status. */
  readonly orphan?: boolean
  /** Whether the node has room for the pod as its spec is now. */
  readonly resizeFits?: (pod: Pod) => ResizeVerdict
}

export function createPodWorker(options: PodWorkerOptions): PodWorker {
  const { services, pod: first, orphan = false, resizeFits } = options
  const { clock, log, observer, runtime } = services
  const uid = first.metadata?.uid ?? ''
  const memory = new WritablePodMemory()
  const aborts = new Map<string, AbortController>()
  const underWay = new Set<Promise<void>>()
  const finished = Promise.withResolvers<void>()
  let pod = first
  let isRemoved = orphan
  let ending: Ending | undefined
  let failure: Failure | undefined
  let status: PodStatus | undefined
  let waiting: ReadonlyMap<string, Waiting> = new Map()
  let volumes: VolumeKeeper | undefined
  let isStopped = false
  /** What has been given back: nothing, what the node lent, and, of a pod that goes, its API object. */
  let tearDown: 'nothing' | 'running' | 'released' | 'deleted' = 'nothing'
  let isReleased = false
  let halted = false
  let isScheduled = false
  let isLearning = false
  let isHeld = false
  let cancelTimer = () => {}
  const events = () => podEvents(services.recorder, pod)
  const prober = createPodProber({
    clock,
    events,
    run: (probe, target) => runProbe(runtime, probe, target),
    onOutcome: (kind, container, outcome, tookSeconds) =>
      services.probeMetrics.count(pod, container, kind, outcome, tookSeconds),
    onChange: wake,
  })
  const isStarting = (name: string) => memory.inFlight.has(`start/${name}`)

  function wake(): void {
    if (isScheduled || halted) return
    isScheduled = true
    queueMicrotask(() => {
      isScheduled = false
      if (!halted && !isLearning && !isHeld) look()
    })
  }

  function look(): void {
    const now = clock.now()
    checkDeadline(now)
    ending = nextEnding(
      ending,
      {
        pod,
        removed: isRemoved,
        terminal: failure !== undefined || isTerminalPhase(status?.phase ?? pod.status?.phase),
        ...graceOfFailure(),
      },
      now,
    )
    const observed = observer.get(uid)
    memory.prune(observed)
    if (!ending) volumes ??= keepVolumes(services, () => pod, events)
    const podIP = currentSandbox(observed)?.ips[0] ?? services.node.hostIPs()[0] ?? ''
    prober.update(pod, observed, { podIP, ending: ending !== undefined, isStarting })

    let plan = planNow(now)
    let terminal = makeStatus(plan, now)
    if (terminal && !ending) {
      ending = nextEnding(ending, { pod, removed: isRemoved, terminal, ...graceOfFailure() }, now)
      plan = planNow(now)
      terminal = makeStatus(plan, now)
    }
    isStopped = plan.stopped && ending !== undefined
    tellWaiting(plan.waiting)
    if (status && !isRemoved) services.writeStatus(pod, status)
    for (const action of plan.actions) launch(action)
    if (isStopped) tearDownNext(plan.removed)
    setTimer(plan.wakeAtMs, now)
  }

  function graceOfFailure() {
    return failure?.graceSeconds === undefined ? {} : { graceSeconds: failure.graceSeconds }
  }

  function planNow(now: number): Plan {
    return planPod({
      pod: withOwnStatus(),
      observed: observer.get(uid),
      probes: prober,
      resize: resizeVerdict(),
      memory,
      now,
      ...(ending && { ending }),
    })
  }

  /** Asked only while there is something to resize: it looks at every pod of the node. */
  function resizeVerdict(): ResizeVerdict {
    const isAsked = !ending && isResizing(withOwnStatus(), observer.get(uid), memory.appliedResources)
    return isAsked ? (resizeFits?.(pod) ?? 'fits') : 'fits'
  }

  function withOwnStatus(): Pod {
    return status ? { ...pod, status } : pod
  }

  /** True when the pod has come to its end. */
  function makeStatus(plan: Plan, now: number): boolean {
    if (failure?.isRejection) {
      status = rejectedStatus(pod, failure)
      return true
    }
    const result = podStatus({
      pod,
      observed: observer.get(uid),
      probes: prober,
      waiting: plan.waiting,
      isStarting,
      previous: status ?? pod.status ?? {},
      ending: ending !== undefined,
      stopped: plan.stopped,
      ...(failure && { failure }),
      hostIPs: services.node.hostIPs(),
      appliedResources: memory.appliedResources,
      devicesOf: (container) => services.resources.statusOf(uid, container),
      resize: resizeVerdict(),
      now,
    })
    ;({ status } = result)
    return result.terminal
  }

  function checkDeadline(now: number): void {
    const deadlineSeconds = pod.spec?.activeDeadlineSeconds
    const startedMs = parseTime(status?.startTime ?? pod.status?.startTime)
    if (deadlineSeconds === undefined || startedMs === undefined || ending || failure) return
    if (now - startedMs < deadlineSeconds * 1000) return
    const message = 'Pod was active on the node longer than the specified deadline'
    failure = { reason: 'DeadlineExceeded', message }
    events().normal('DeadlineExceeded', message)
  }

  function setTimer(wakeAtMs: number, now: number): void {
    cancelTimer()
    const deadlineSeconds = pod.spec?.activeDeadlineSeconds
    const startedMs = parseTime(status?.startTime)
    const deadlineMs =
      deadlineSeconds === undefined || startedMs === undefined || ending
        ? Infinity
        : startedMs + deadlineSeconds * 1000
    const next = Math.min(wakeAtMs, deadlineMs)
    if (Number.isFinite(next)) cancelTimer = clock.after(Math.max(0, next - now), wake)
  }

  /** Events for containers that begin to wait in a back-off. */
  function tellWaiting(now: ReadonlyMap<string, Waiting>): void {
    for (const [name, { reason, message }] of now) {
      if (waiting.get(name)?.reason === reason) continue
      const named = findContainer(pod, name)
      if (reason === 'CrashLoopBackOff') {
        events().warning(
          'BackOff',
          `Back-off restarting failed container ${name} in pod ${describePod(pod)}`,
          named,
        )
      } else if (reason === 'ImagePullBackOff') {
        const image = named?.container.image ?? ''
        events().normal('BackOff', `Back-off pulling image "${image}"`, named)
        events().warning('Failed', `Error: ImagePullBackOff`, named)
        log.debug('waiting to pull an image', { pod: describePod(pod), message })
      }
    }
    waiting = now
  }

  function launch(action: Action): void {
    const key = actionKey(action)
    aborts.get(key)?.abort(new Error('replaced'))
    const abort = new AbortController()
    aborts.set(key, abort)
    const name = 'name' in action ? action.name : ''
    memory.begin(action, findContainer(pod, name)?.container, clock.now())
    const isCurrent = () => aborts.get(key) === abort
    const done = act(action, abort.signal)
      .then(
        () => () => memory.succeeded(action, clock.now()),
        (error: unknown) => () => conclude(action, abort.signal, error),
      )
      .then(async (end) => {
        // It is under way until what came of it has been seen: else it would be done again.
        await see()
        if (!isCurrent()) return
        end()
        aborts.delete(key)
      })
      .finally(() => {
        underWay.delete(done)
        wake()
      })
    underWay.add(done)
  }

  /** Looks at what the runtime has of the pod now, until it answers. */
  const see = () => untilDone(async () => (await observer.refresh(uid)) !== undefined)

  /** Tries until it is done, or the worker is halted. */
  async function untilDone(attempt: () => Promise<boolean>): Promise<void> {
    for (let delayMs = firstSeeRetryMs; ; delayMs = Math.min(delayMs * 2, syncRetryMs)) {
      if (halted) return
      try {
        if (await attempt()) return
      } catch (error) {
        if (halted) return
        log.warn('asking the runtime about a pod failed', { uid, error })
      }
      await new Promise<void>((resolve) => clock.after(delayMs, resolve))
    }
  }

  /** What an earlier kubelet has started must be known before anything is planned: else it would be started again. */
  function learnKnown(): void {
    if (unseenContainers(first, observer.get(uid)).length === 0) return
    isLearning = true
    const done = untilDone(() => knownContainersSeen(services, first, uid)).finally(() => {
      isLearning = false
      underWay.delete(done)
      wake()
    })
    underWay.add(done)
  }

  function conclude(action: Action, signal: AbortSignal, error: unknown): void {
    const now = clock.now()
    if (signal.aborted || halted) return memory.abandoned(action)
    const message = error instanceof Error ? error.message : String(error)
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
    log.warn('an action on a pod failed', { pod: describePod(pod), action: action.type, error })
  }

  const act = (action: Action, signal: AbortSignal) =>
    performAction({ services, pod, volumes: volumes?.ready, memory, events: events(), signal }, action)

  /** Gives back what the pod holds of this node beside the runtime; of a pod that goes, ends and forgets it. */
  function tearDownNext(removedFromRuntime: boolean): void {
    prober.stop()
    if (tearDown === 'deleted' && removedFromRuntime) {
      halted = true
      cancelTimer()
      observer.forget(uid)
      services.images.forget(uid)
      services.probeMetrics.forget(uid)
      finished.resolve()
      return
    }
    const before = tearDown
    if (before === 'nothing') tearDownBy(release, 'released', before)
    else if (before === 'released' && ending?.remove) tearDownBy(deleteObject, 'deleted', before)
  }

  function tearDownBy(step: () => Promise<void>, after: typeof tearDown, before: typeof tearDown): void {
    tearDown = 'running'
    const done = step()
      .then(
        () => {
          tearDown = after
          wake()
        },
        (error: unknown) => {
          log.warn('tearing a pod down failed', { pod: describePod(pod), error })
          tearDown = 'running'
          clock.after(syncRetryMs, () => {
            tearDown = before
            wake()
          })
        },
      )
      .finally(() => underWay.delete(done))
    underWay.add(done)
  }

  async function release(): Promise<void> {
    await volumes?.stop()
    await services.volumes.remove(uid)
    await services.resources.release(uid)
    if (runtime.usesHost) await services.cgroups.remove(uid)
    isReleased = true
  }

  async function deleteObject(): Promise<void> {
    if (runtime.usesHost) {
      const logs = podLogDirectory(services.paths.podLogsDirectory, pod)
      await rm(logs, { recursive: true, force: true })
    }
    const deleting = pod.metadata?.deletionTimestamp !== undefined
    if (!isRemoved && status && deleting && !isStaticPod(pod)) await services.deletePod(pod, status)
  }

  learnKnown()
  return {
    uid,
    get pod() {
      return pod
    },
    get status() {
      return status
    },
    get stopped() {
      return isStopped
    },
    get released() {
      return isStopped && isReleased
    },
    finished: finished.promise,
    wake,
    update(next) {
      // Of what volumes are made from, only this changes while a pod runs.
      const changed =
        !jsonEqual(next.metadata?.labels, pod.metadata?.labels) ||
        !jsonEqual(next.metadata?.annotations, pod.metadata?.annotations)
      pod = next
      if (changed && next.metadata?.deletionTimestamp === undefined) volumes?.refresh()
      if (next.metadata?.deletionTimestamp !== undefined) abortStarts()
      wake()
    },
    removed() {
      isRemoved = true
      abortStarts()
      wake()
    },
    fail(reason) {
      failure ??= reason
      abortStarts()
      wake()
    },
    hold(admission) {
      isHeld = true
      const done = admission
        .then((refusal) => {
          failure ??= refusal
        })
        .finally(() => {
          isHeld = false
          underWay.delete(done)
          wake()
        })
      underWay.add(done)
    },
    refreshObjects() {
      memory.forgetConfigFailures()
      volumes?.refresh()
      wake()
    },
    async stop() {
      halted = true
      cancelTimer()
      prober.stop()
      for (const abort of aborts.values()) abort.abort(new Error('the kubelet stops'))
      await volumes?.stop()
    },
    async idle() {
      await Promise.all(underWay)
    },
  }

  function abortStarts(): void {
    for (const [key, abort] of aborts) {
      if (key.startsWith('start/') || key === 'createSandbox') abort.abort(new Error('the pod ends'))
    }
  }
}

/** A pod that was never let in has no more to tell than why. */
function rejectedStatus(pod: Pod, { reason, message }: Failure): PodStatus {
  return {
    ...pod.status,
    ...(pod.metadata?.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    phase: 'Failed',
    reason,
    message,
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
  }
}

const firstSeeRetryMs = 200
/** How long upstream waits before it looks at a pod again that something failed for. */
const syncRetryMs = 10_000
