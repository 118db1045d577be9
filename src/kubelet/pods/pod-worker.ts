import type { Pod, PodStatus } from '../../api/generated/core.v1.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { parseTime } from '../../machinery/time.ts'
import { createPodProber } from '../probes/pod-prober.ts'
import { runProbe } from '../probes/run-probe.ts'
import { podEvents } from './events.ts'
import { knownContainersSeen, unseenContainers } from './known-containers.ts'
import { currentSandbox } from './observation.ts'
import type { Ending, PendingResize, Plan, Waiting } from './plan/input.ts'
import { planPod } from './plan/plan-pod.ts'
import { statusTakenBack } from './plan/restart-all.ts'
import { createPodActions } from './pod-actions.ts'
import { nextEnding } from './pod-ending.ts'
import { WritablePodMemory } from './pod-memory.ts'
import { createPodResize, pendingResizeRetryMs } from './pod-resize.ts'
import { createPodTearDown } from './pod-tear-down.ts'
import { describePod, findContainer, isStaticPod, isTerminalPhase } from './pod.ts'
import type { PodServices } from './services.ts'
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
  /** The pod with the resources that are set aside for it, and its newest status. */
  readonly allocated: Pod
  /** Since when what the pod asks for waits for room; undefined when it does not. */
  readonly pendingResizeSinceMs: number | undefined
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
  /** Why the node has no room for the pod as its spec is now; undefined when it has. */
  readonly pendingResize?: (pod: Pod) => PendingResize | undefined
  /** Something else is set aside for the pod than before. */
  readonly onAllocation?: () => void
}

export function createPodWorker(options: PodWorkerOptions): PodWorker {
  const { services, pod: first, orphan = false } = options
  const { clock, log, observer, runtime } = services
  const uid = first.metadata?.uid ?? ''
  const memory = new WritablePodMemory(services.restartBackoff)
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
  let halted = false
  let isScheduled = false
  let isLearning = false
  let isHeld = false
  let isNew = true
  /** When the pod was first seen, as long as it has not run. */
  let seenMs =
    isTerminalPhase(first.status?.phase) || first.status?.phase === 'Running' ? undefined : clock.monotonic()
  let cancelTimer = () => {}
  const events = () => podEvents(services.recorder, pod)
  const resize = createPodResize(first, events, (asking) => options.pendingResize?.(asking))
  const prober = createPodProber({
    clock,
    events,
    run: (probe, target) => runProbe(runtime, probe, target),
    onOutcome: (kind, container, outcome, tookSeconds) =>
      services.probeMetrics.count(pod, container, kind, outcome, tookSeconds),
    onChange: wake,
  })
  const isStarting = (name: string) => memory.inFlight.has(`start/${name}`)
  const shared = {
    services,
    uid,
    pod: () => resize.allocated(pod),
    volumes: () => volumes,
    isHalted: () => halted,
    track,
    wake,
  }
  const actions = createPodActions({ ...shared, memory, events })
  const tearDown = createPodTearDown({
    ...shared,
    async deleteObject() {
      const deleting = pod.metadata?.deletionTimestamp !== undefined
      if (!isRemoved && status && deleting && !isStaticPod(pod)) await services.deletePod(pod, status)
    },
  })

  function track(work: Promise<void>): void {
    const done = work.finally(() => underWay.delete(done))
    underWay.add(done)
  }

  function wake(): void {
    if (isScheduled || halted) return
    isScheduled = true
    queueMicrotask(() => {
      isScheduled = false
      if (!halted && !isLearning && !isHeld) look()
    })
  }

  function look(): void {
    const startMs = clock.monotonic()
    lookNow()
    const operation = ending ? 'terminate' : isNew ? 'create' : 'sync'
    services.podMetrics?.looked(operation, startMs)
    isNew = false
    if (seenMs === undefined || status?.phase === 'Pending') return
    if (status?.phase === 'Running') services.podMetrics?.ran(clock.monotonic() - seenMs)
    seenMs = undefined
  }

  function lookNow(): void {
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

    const before = status ?? pod.status
    if (!ending) {
      if (resize.decide(withOwnStatus(), now)) options.onAllocation?.()
      status = statusTakenBack(withOwnStatus(), observed) ?? status
    }
    let plan = planNow(now)
    let terminal = makeStatus(plan, now)
    if (terminal && !ending) {
      ending = nextEnding(ending, { pod, removed: isRemoved, terminal, ...graceOfFailure() }, now)
      plan = planNow(now)
      terminal = makeStatus(plan, now)
    }
    isStopped = plan.stopped && ending !== undefined
    tellWaiting(plan.waiting)
    if (status && !ending) resize.tell(pod, before, status)
    if (status && !isRemoved) services.writeStatus(pod, status)
    for (const action of plan.actions) actions.launch(action)
    if (isStopped) tearDownNext(plan.removed)
    setTimer(plan.wakeAtMs, now)
  }

  function graceOfFailure() {
    return failure?.graceSeconds === undefined ? {} : { graceSeconds: failure.graceSeconds }
  }

  function planNow(now: number): Plan {
    return planPod({
      pod: resize.allocated(withOwnStatus()),
      observed: observer.get(uid),
      probes: prober,
      memory,
      now,
      ...(ending && { ending }),
    })
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
      pod: resize.allocated(pod),
      observed: observer.get(uid),
      probes: prober,
      waiting: plan.waiting,
      isStarting,
      previous: status ?? pod.status ?? {},
      ending: ending !== undefined,
      stopped: plan.stopped,
      ...(failure && { failure }),
      hostIPs: services.node.hostIPs(),
      applied: memory.applied,
      pendingResize: resize.pending,
      resizeError: memory.resizeError,
      devicesOf: (container) => services.resources.statusOf(uid, container),
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
    const retryMs = resize.pending && !ending ? now + pendingResizeRetryMs : Infinity
    const next = Math.min(wakeAtMs, deadlineMs, retryMs)
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

  /** What an earlier kubelet has started must be known before anything is planned: else it would be started again. */
  function learnKnown(): void {
    if (unseenContainers(first, observer.get(uid)).length === 0) return
    isLearning = true
    const seen = actions.untilDone(() => knownContainersSeen(services, first, uid))
    track(
      seen.finally(() => {
        isLearning = false
        wake()
      }),
    )
  }

  /** Gives back what the pod holds of this node beside the runtime; of a pod that goes, ends and forgets it. */
  function tearDownNext(removedFromRuntime: boolean): void {
    prober.stop()
    if (!tearDown.isOver || !removedFromRuntime) return tearDown.next(ending?.remove ?? false)
    halt()
    observer.forget(uid)
    services.images.forget(uid)
    services.probeMetrics.forget(uid)
    finished.resolve()
  }

  function halt(): void {
    halted = true
    cancelTimer()
  }

  services.podMetrics?.came(first.spec?.containers.length ?? 0)
  learnKnown()
  return {
    uid,
    get pod() {
      return pod
    },
    get allocated() {
      return resize.allocated(withOwnStatus())
    },
    get pendingResizeSinceMs() {
      return ending ? undefined : resize.pendingSinceMs
    },
    get status() {
      return status
    },
    get stopped() {
      return isStopped
    },
    get released() {
      return isStopped && tearDown.isReleased
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
      if (next.metadata?.deletionTimestamp !== undefined) actions.abortStarts()
      wake()
    },
    removed() {
      isRemoved = true
      actions.abortStarts()
      wake()
    },
    fail(reason) {
      failure ??= reason
      actions.abortStarts()
      wake()
    },
    hold(admission) {
      isHeld = true
      const decided = admission.then((refusal) => {
        failure ??= refusal
      })
      track(
        decided.finally(() => {
          isHeld = false
          wake()
        }),
      )
    },
    refreshObjects() {
      memory.forgetConfigFailures()
      volumes?.refresh()
      wake()
    },
    async stop() {
      halt()
      prober.stop()
      actions.abortAll()
      await volumes?.stop()
    },
    async idle() {
      await Promise.all(underWay)
    },
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
