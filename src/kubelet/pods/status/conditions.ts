import type { ContainerStatus, Pod, PodCondition, PodPhase } from '../../../api/generated/core.v1.ts'
import type { PendingResize } from '../plan/input.ts'
import { allContainersRestarting, mayRestartAll } from '../plan/restart-all.ts'
import { isSidecar } from '../pod.ts'
import { formatTime } from '../../../machinery/time.ts'

export type Verdict = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>

/** The conditions that the kubelet owns, in the order it writes them. */
export const kubeletConditions = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
] as const

interface ConditionsInput {
  readonly pod: Pod
  readonly init: readonly ContainerStatus[]
  readonly main: readonly ContainerStatus[]
  readonly phase: PodPhase
  readonly hasSandbox: boolean
  readonly resize?: ResizeState
  /** All containers are to start again. */
  readonly isRestartingAll?: boolean
  readonly previous: readonly PodCondition[]
  readonly failure?: { readonly disruption?: string; readonly message: string }
  readonly now: number
}

export function conditionsOf(input: ConditionsInput): readonly PodCondition[] {
  const containersReady = containersReadyVerdict(input)
  const verdicts: readonly Verdict[] = [
    { type: 'PodReadyToStartContainers', status: input.hasSandbox ? 'True' : 'False' },
    initializedVerdict(input),
    readyVerdict(input, containersReady),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
    ...resizeVerdicts(input),
    ...restartingVerdict(input),
    ...disruptionVerdict(input),
  ]
  return verdicts.map((verdict) => withTimes(verdict, input))
}

/** Keeps the transition time while the status stays the same. */
function withTimes(verdict: Verdict, { previous, pod, now }: ConditionsInput): PodCondition {
  const before = previous.find(({ type }) => type === verdict.type)
  const same = before?.status === verdict.status
  return {
    ...(pod.metadata?.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    ...verdict,
    lastProbeTime: null,
    lastTransitionTime: (same && before.lastTransitionTime) || formatTime(now),
  }
}

/** Whoever made the pod must not count this end as the pod's own failure. */
function disruptionVerdict({ failure }: ConditionsInput): readonly Verdict[] {
  if (failure?.disruption === undefined) return []
  return [{ type: 'DisruptionTarget', status: 'True', reason: failure.disruption, message: failure.message }]
}

/** These are there only while they are true. */
export const passingConditions: readonly string[] = ['PodResizePending', 'PodResizeInProgress']

/** Where a resize of the pod stands. */
export interface ResizeState {
  /** Why what it asks for is not set aside for it. */
  readonly pending?: PendingResize | undefined
  /** It has not yet what is set aside for it. */
  readonly isInProgress: boolean
  /** Why not, where that was tried. */
  readonly error?: string | undefined
}

function resizeVerdicts({ resize }: ConditionsInput): readonly Verdict[] {
  const verdicts: Verdict[] = []
  if (resize?.pending) verdicts.push({ type: 'PodResizePending', status: 'True', ...resize.pending })
  if (resize?.isInProgress) {
    const { error } = resize
    verdicts.push({
      type: 'PodResizeInProgress',
      status: 'True',
      ...(error !== undefined && { reason: 'Error', message: error }),
    })
  }
  return verdicts
}

/** Told of pods that can go back to their beginning. */
function restartingVerdict({ pod, phase, isRestartingAll }: ConditionsInput): readonly Verdict[] {
  if (!mayRestartAll(pod)) return []
  const type = allContainersRestarting
  if (phase === 'Succeeded') return [{ type, status: 'False', reason: 'PodCompleted' }]
  if (phase === 'Failed') return [{ type, status: 'False', reason: 'PodFailed' }]
  if (!isRestartingAll) return [{ type, status: 'False' }]
  const message = 'container exited with restart policy rule'
  return [{ type, status: 'True', reason: 'RestartAllContainersStarted', message }]
}

function initializedVerdict({ pod, init, main, phase }: ConditionsInput): Verdict {
  const type = 'Initialized'
  if (phase === 'Succeeded') return { type, status: 'True', reason: 'PodCompleted' }
  const started = main.some(({ state, started }) => started || state?.running || state?.terminated)
  if (started) return { type, status: 'True' }
  const unknown: string[] = []
  const incomplete: string[] = []
  for (const container of pod.spec?.initContainers ?? []) {
    const status = init.find(({ name }) => name === container.name)
    if (status === undefined) unknown.push(container.name)
    else if (!(isSidecar(container) ? status.started : status.ready)) incomplete.push(container.name)
  }
  const message = sentence(unknown, 'incomplete', incomplete)
  if (message === '') return { type, status: 'True' }
  return { type, status: 'False', reason: 'ContainersNotInitialized', message }
}

function containersReadyVerdict({ pod, init, main, phase }: ConditionsInput): Verdict {
  const type = 'ContainersReady'
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' }
  const unknown: string[] = []
  const unready: string[] = []
  const { initContainers = [], containers = [] } = pod.spec ?? {}
  for (const { name } of [...initContainers.filter(isSidecar), ...containers]) {
    const status = init.find((status) => status.name === name) ?? main.find((status) => status.name === name)
    if (status === undefined) unknown.push(name)
    else if (!status.ready) unready.push(name)
  }
  const message = sentence(unknown, 'unready', unready)
  if (message === '') return { type, status: 'True' }
  return { type, status: 'False', reason: 'ContainersNotReady', message }
}

/** Ready is ContainersReady and every readiness gate. */
function readyVerdict({ pod }: ConditionsInput, containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' }
  const messages: string[] = []
  for (const { conditionType } of pod.spec?.readinessGates ?? []) {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType)
    if (condition === undefined) {
      messages.push(`corresponding condition of pod readiness gate "${conditionType}" does not exist.`)
    } else if (condition.status !== 'True') {
      messages.push(
        `the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`,
      )
    }
  }
  if (messages.length === 0) return { type: 'Ready', status: 'True' }
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') }
}

function sentence(unknown: readonly string[], word: string, names: readonly string[]): string {
  const parts: string[] = []
  if (unknown.length > 0) parts.push(`containers with unknown status: [${unknown.join(' ')}]`)
  if (names.length > 0) parts.push(`containers with ${word} status: [${names.join(' ')}]`)
  return parts.join(', ')
}
