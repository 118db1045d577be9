import type {
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  ResourceRequirements,
  ResourceStatus,
  VolumeMountStatus,
} from '../../../api/generated/core.v1.ts'
import type { ObservedContainer } from '../observation.ts'
import type { Waiting } from '../plan/input.ts'
import type { AnyContainer, ContainerKind } from '../pod.ts'
import { formatTime } from '../../../machinery/time.ts'

export interface ContainerStatusInput {
  readonly container: AnyContainer
  readonly kind: ContainerKind
  /** Newest first. */
  readonly instances: readonly ObservedContainer[]
  /** Why it waits, when the plan says so. */
  readonly waiting: Waiting | undefined
  /** What its status said before. */
  readonly previous: ContainerStatus | undefined
  /** The reason of a container that has not been started yet. */
  readonly defaultWaitingReason: string
  /** Its startup probe has succeeded, and its postStart hook is over. */
  readonly started: boolean
  readonly ready: boolean
  /** The pod is ending: what is lost does not come again. */
  readonly ending: boolean
  /** The resources that the newest instance has. */
  readonly applied: ResourceRequirements | undefined
  /** How the devices are that it was given. */
  readonly devices: readonly ResourceStatus[]
}

const lostExitCode = 137

/** The status of one container, from its instances and what was known before. */
export function containerStatus(input: ContainerStatusInput): ContainerStatus {
  const { container, instances } = input
  const [newest, ...older] = instances
  if (newest === undefined || newest.state === 'created') return statusWithout(input, older)

  const state = keptState(input, newest) ?? stateOf(newest)
  const ended = older.find((instance) => instance.state === 'exited')
  const lastState = ended ? { terminated: terminatedState(ended) } : keptLastState(input, newest)
  const common = {
    name: container.name,
    image: newest.image || (container.image ?? ''),
    imageID: newest.imageRef,
    containerID: newest.reference,
    restartCount: Math.max(newest.attempt, input.previous?.restartCount ?? 0),
    ...statusDetails(input, newest),
  }
  if (input.waiting && newest.state !== 'running') {
    const { reason, message } = input.waiting
    return {
      ...common,
      state: { waiting: { reason, ...(message !== '' && { message }) } },
      lastState: state,
      ...readiness(input, 'waiting'),
    }
  }
  const phase = newest.state === 'running' ? 'running' : 'terminated'
  const succeeded = state.terminated?.exitCode === 0
  return { ...common, state, lastState, ...readiness(input, phase, succeeded) }
}

/** Of a container that the runtime does not have, or not yet started. */
function statusWithout(input: ContainerStatusInput, older: readonly ObservedContainer[]): ContainerStatus {
  const { container, previous, waiting } = input
  const ended = older.find((instance) => instance.state === 'exited')
  if (previous?.state?.terminated && ended === undefined && !waiting) {
    const succeeded = previous.state.terminated.exitCode === 0
    return { ...previous, ...readiness(input, 'terminated', succeeded) }
  }
  const lost = previous?.state?.running !== undefined && ended === undefined
  const lostState: ContainerState = { terminated: lostTermination('deleted', previous?.containerID) }
  const common = {
    name: container.name,
    image: container.image ?? '',
    imageID: '',
    ...statusDetails(input, undefined),
  }
  if (lost && input.ending) {
    return {
      ...common,
      ...(previous.containerID && { containerID: previous.containerID }),
      restartCount: previous.restartCount,
      state: lostState,
      lastState: previous.lastState ?? {},
      ...readiness(input, 'terminated'),
    }
  }
  const terminated = previous?.state?.terminated
  const reason = waiting?.reason ?? input.defaultWaitingReason
  return {
    ...common,
    restartCount: Math.max(ended?.attempt ?? 0, previous?.restartCount ?? 0),
    state: { waiting: { reason, ...(waiting?.message && { message: waiting.message }) } },
    lastState: ended
      ? { terminated: terminatedState(ended) }
      : lost
        ? lostState
        : terminated
          ? { terminated }
          : (previous?.lastState ?? {}),
    ...readiness(input, 'waiting'),
  }
}

/** How a container ended is told once: what the runtime forgets of it meanwhile stays. */
function keptState(
  { previous }: ContainerStatusInput,
  newest: ObservedContainer,
): ContainerState | undefined {
  const known = previous?.state?.terminated ?? previous?.lastState?.terminated
  if (newest.state !== 'exited' || known?.containerID !== newest.reference) return undefined
  return { terminated: known }
}

function keptLastState(input: ContainerStatusInput, newest: ObservedContainer): ContainerState {
  const { previous } = input
  if (newest.attempt === 0 || previous === undefined) return {}
  if (previous.containerID === newest.reference) return previous.lastState ?? {}
  if (previous.state?.terminated) return { terminated: previous.state.terminated }
  return previous.lastState ?? {}
}

function stateOf(instance: ObservedContainer): ContainerState {
  switch (instance.state) {
    case 'running':
      return { running: { startedAt: formatTime(instance.startedAtMs) } }
    case 'exited':
      return { terminated: terminatedState(instance) }
    case 'unknown':
      return { terminated: lostTermination('terminated', instance.reference) }
    case 'created':
      return { waiting: {} }
  }
}

function terminatedState(instance: ObservedContainer): ContainerStateTerminated {
  const message = instance.terminationMessage ?? instance.message
  return {
    exitCode: instance.exitCode,
    ...(instance.reason !== '' && { reason: instance.reason }),
    ...(message !== '' && { message }),
    startedAt: formatTime(instance.startedAtMs),
    finishedAt: formatTime(instance.finishedAtMs),
    containerID: instance.reference,
  }
}

/** What upstream says of a container that ran and cannot be found any more. */
export function lostTermination(
  when: 'deleted' | 'terminated',
  containerID: string | undefined,
): ContainerStateTerminated {
  const used = when === 'deleted' ? '.  The container used to be Running' : ''
  return {
    exitCode: lostExitCode,
    reason: 'ContainerStatusUnknown',
    message: `The container could not be located when the pod was ${when}${used}`,
    startedAt: null,
    finishedAt: null,
    ...(containerID !== undefined && { containerID }),
  }
}

function readiness(
  input: ContainerStatusInput,
  phase: 'waiting' | 'running' | 'terminated',
  succeeded = false,
): Pick<ContainerStatus, 'ready' | 'started'> {
  switch (input.kind) {
    case 'ephemeral':
      return { ready: false }
    case 'init':
      return { ready: phase === 'terminated' && succeeded, started: phase === 'running' && input.started }
    case 'sidecar':
    case 'main': {
      const started = phase === 'running' && input.started
      return { started, ready: started && input.ready }
    }
  }
}

/** What the status tells of the spec in force: resources, mounts, user. */
function statusDetails(
  { container, kind, applied, devices }: ContainerStatusInput,
  instance: ObservedContainer | undefined,
): Partial<ContainerStatus> {
  const volumeMounts = (container.volumeMounts ?? []).map((mount): VolumeMountStatus => {
    const readOnly = mount.readOnly === true
    return {
      name: mount.name,
      mountPath: mount.mountPath,
      ...(readOnly && { readOnly, recursiveReadOnly: recursiveStatus(mount.recursiveReadOnly, instance) }),
    }
  })
  const requests = container.resources?.requests
  return {
    ...(volumeMounts.length > 0 && { volumeMounts }),
    ...(instance && kind !== 'ephemeral' && { resources: applied ?? {} }),
    ...(instance && kind !== 'ephemeral' && requests && { allocatedResources: requests }),
    ...(devices.length > 0 && { allocatedResourcesStatus: devices }),
    ...(instance?.user && { user: { linux: instance.user } }),
  }
}

function recursiveStatus(asked: string | undefined, instance: ObservedContainer | undefined): string {
  if (asked === 'Enabled') return 'Enabled'
  if (asked !== 'IfPossible') return 'Disabled'
  return instance?.mounts.some((mount) => mount.recursiveReadonly) ? 'Enabled' : 'Disabled'
}
