import type { ContainerStatus, Pod, PodStatus, ResourceStatus } from '../../../api/generated/core.v1.ts'
import { instancesOf, type PodObservation } from '../observation.ts'
import type { PendingResize, ProbeResults, Waiting } from '../plan/input.ts'
import type { AppliedResources } from '../plan/memory.ts'
import { appliedResources, appliedWhole, isResizing } from '../plan/resize.ts'
import { isRestartingAll } from '../plan/restart-all.ts'
import { usableSandbox } from '../plan/sandbox.ts'
import { isTerminalPhase, type AnyContainer, type ContainerKind, isSidecar } from '../pod.ts'
import { formatTime } from '../../../machinery/time.ts'
import { conditionsOf, type ResizeState } from './conditions.ts'
import { containerStatus, lostTermination } from './container-status.ts'
import { limitMessages } from './limit-messages.ts'
import { phaseOf } from './phase.ts'
import { qosClassOf } from '../../../api/core/pod/qos-class.ts'

export interface PodStatusInput {
  /** With the resources that are set aside for it. */
  readonly pod: Pod
  readonly observed: PodObservation
  readonly probes: ProbeResults
  readonly waiting: ReadonlyMap<string, Waiting>
  /** Containers whose start, postStart hook included, is under way. */
  readonly isStarting: (name: string) => boolean
  /** What the status was when it was made last; the API's before that. */
  readonly previous: PodStatus
  readonly ending: boolean
  /** Nothing of the pod runs, and nothing will again. */
  readonly stopped: boolean
  /** Why the pod fails, when that is not its containers' doing: evicted, refused, over its deadline. */
  readonly failure?: Failure
  readonly applied: AppliedResources
  /** Why the pod does not get what its spec asks for. */
  readonly pendingResize?: PendingResize | undefined
  /** Why it does not have what is set aside for it. */
  readonly resizeError?: string | undefined
  /** How the devices of a container are that it was given. */
  readonly devicesOf?: (container: string) => readonly ResourceStatus[]
  /** Primary first. */
  readonly hostIPs: readonly string[]
  readonly now: number
}

export interface Failure {
  readonly reason: string
  readonly message: string
  /** At most this long the containers have to end. */
  readonly graceSeconds?: number
  /** The reason of its DisruptionTarget condition, where it ends for somebody else's sake. */
  readonly disruption?: string
  /** The pod was never let in. */
  readonly isRejection?: boolean
}

export interface PodStatusResult {
  readonly status: PodStatus
  /** Its containers have come to an end, or it has failed: it is to be stopped, and then to be what `status` says. */
  readonly terminal: boolean
}

/**
 * A pod's status: a pure function of what is there and what the status was. It never goes back: a terminal phase and
 * the end of a container that is not restarted stay. A terminal phase is told only when nothing runs any more.
 */
export function podStatus(input: PodStatusInput): PodStatusResult {
  const { pod, previous, observed, failure, stopped, now } = input
  const isGone = observed.sandboxes.length === 0 && observed.containers.length === 0
  // All that can be told has been told, by a kubelet that saw it.
  if (isTerminalPhase(previous.phase) && isGone) return { terminal: true, status: previous }
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {}
  const waitingReason = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating'
  let init = initContainers.map((container) =>
    oneStatus(
      input,
      container,
      isSidecar(container) ? 'sidecar' : 'init',
      previous.initContainerStatuses,
      waitingReason,
    ),
  )
  let main = containers.map((container) =>
    oneStatus(input, container, 'main', previous.containerStatuses, waitingReason),
  )
  const ephemeral = ephemeralContainers.map((container) =>
    oneStatus(input, container, 'ephemeral', previous.ephemeralContainerStatuses, 'ContainerCreating'),
  )
  if (stopped && input.ending) ({ init, main } = finalStatuses(init, main))
  const limited = limitMessages(init, main, ephemeral)
  ;[init, main] = limited

  const restarting = !input.ending && isRestartingAll({ ...pod, status: previous }, observed)
  const computed = failure
    ? 'Failed'
    : restarting
      ? (previous.phase ?? 'Pending')
      : phaseOf(pod, { init, main }, stopped && input.ending)
  const ended = isTerminalPhase(previous.phase)
  const terminal = ended || isTerminalPhase(computed)
  const told = ended ? previous.phase : terminal && !stopped ? (previous.phase ?? 'Pending') : computed
  const phase = told ?? 'Pending'
  const because = isTerminalPhase(phase) && failure && !ended ? failure : undefined
  const reason = because?.reason ?? (phase === previous.phase ? previous.reason : undefined)
  const message = because?.message ?? (phase === previous.phase ? previous.message : undefined)
  const sandbox = usableSandbox(pod, observed)
  const podIPs = addressesOf(input, sandbox?.ips)

  return {
    terminal,
    status: {
      ...(pod.metadata?.generation !== undefined && { observedGeneration: pod.metadata.generation }),
      phase,
      conditions: conditionsOf({
        pod,
        init,
        main,
        phase,
        hasSandbox: sandbox !== undefined,
        isRestartingAll: restarting,
        ...(!input.ending && { resize: resizeStateOf(input) }),
        previous: previous.conditions ?? [],
        ...(failure && { failure }),
        now,
      }),
      ...(reason !== undefined && { reason }),
      ...(message !== undefined && { message }),
      ...(input.hostIPs[0] !== undefined && { hostIP: input.hostIPs[0] }),
      ...(input.hostIPs.length > 0 && { hostIPs: input.hostIPs.map((ip) => ({ ip })) }),
      ...(podIPs[0] !== undefined && { podIP: podIPs[0] }),
      ...(podIPs.length > 0 && { podIPs: podIPs.map((ip) => ({ ip })) }),
      startTime: previous.startTime ?? formatTime(now),
      ...(init.length > 0 && { initContainerStatuses: init }),
      containerStatuses: main,
      ...(ephemeral.length > 0 && { ephemeralContainerStatuses: limited[2] }),
      qosClass: previous.qosClass ?? qosClassOf(pod),
      ...wholeResources(input),
    },
  }
}

function resizeStateOf({ pod, observed, applied, pendingResize, resizeError }: PodStatusInput): ResizeState {
  const isInProgress = isResizing(pod, observed, applied)
  return { pending: pendingResize, isInProgress, error: isInProgress ? resizeError : undefined }
}

/** What the pod has as a whole, where its spec says that. */
function wholeResources({
  pod,
  applied,
}: PodStatusInput): Pick<PodStatus, 'resources' | 'allocatedResources'> {
  const resources = appliedWhole(pod, applied)
  if (!resources) return {}
  const requests = pod.spec?.resources?.requests
  return { resources, ...(requests && { allocatedResources: requests }) }
}

function oneStatus(
  input: PodStatusInput,
  container: AnyContainer,
  kind: ContainerKind,
  previous: readonly ContainerStatus[] = [],
  defaultWaitingReason: string,
): ContainerStatus {
  const instances = instancesOf(input.observed, container.name)
  const id = instances[0]?.id ?? ''
  const { probes } = input
  return containerStatus({
    container,
    kind,
    instances,
    defaultWaitingReason,
    waiting: input.waiting.get(container.name),
    previous: previous.find(({ name }) => name === container.name),
    started: !input.isStarting(container.name) && probes.startup(id) === 'success',
    ready: probes.readiness(id) === 'success',
    ending: input.ending,
    applied: instances[0] && appliedResources(input.pod, container, instances[0], input.applied),
    devices: input.devicesOf?.(container.name) ?? [],
  })
}

/** Once a pod that was initialized has stopped, a container without an end is one that was lost. */
function finalStatuses(init: readonly ContainerStatus[], main: readonly ContainerStatus[]) {
  const started = (status: ContainerStatus) =>
    status.state?.terminated !== undefined || status.lastState?.terminated !== undefined
  const lastStarted = init.findLastIndex(started)
  const initialized = main.some(started)
  const lost = (status: ContainerStatus): ContainerStatus =>
    status.state?.terminated
      ? status
      : { ...status, state: { terminated: lostTermination('terminated', status.containerID) }, ready: false }
  return {
    init: init.map((status, index) => (initialized || index <= lastStarted ? lost(status) : status)),
    main: initialized ? main.map(lost) : [...main],
  }
}

/** The pod's addresses: those of its sandbox, its node's, or those it had. */
function addressesOf(input: PodStatusInput, ips: readonly string[] | undefined): readonly string[] {
  if (input.pod.spec?.hostNetwork) {
    return ips === undefined ? before(input) : ips.length > 0 ? ips : input.hostIPs
  }
  return ips ?? before(input)
}

function before({ previous }: PodStatusInput): readonly string[] {
  return (previous.podIPs ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]))
}
