import type { SandboxStatus } from '../../runtime/runtime.ts'
import { formatDuration } from '../../../machinery/duration.ts'
import { retryAt } from '../backoff.ts'
import { newestInstance, type ObservedContainer } from '../observation.ts'
import { describePod, type AnyContainer, type ContainerKind } from '../pod.ts'
import type { PlanDraft } from './draft.ts'
import type { PlanInput, Waiting } from './input.ts'
import type { StartFailure } from './memory.ts'
import { containerHash, isDefinitionChanged } from './restart.ts'

/** How long an error is shown as such before the back-off that follows it is. */
const errorShownMs = 2000

/** When a start is tried again that failed without leaving an instance whose end says when. */
const failedStartRetryMs = 10_000

export function isStarting(input: PlanInput, name: string): boolean {
  return input.memory.inFlight.has(`start/${name}`)
}

/** Starts a container that should run, or says why and until when it has to wait. */
export function planStart(
  input: PlanInput,
  sandbox: SandboxStatus,
  draft: PlanDraft,
  container: AnyContainer,
  kind: ContainerKind,
): void {
  const { memory, now, observed } = input
  const { name } = container
  const failure = memory.failures.get(name)
  if (isStarting(input, name)) {
    if (failure) draft.wait(name, shownFailure(failure, now, draft))
    return
  }
  const previous = newestInstance(observed, name)
  const retryAtMs =
    failure?.retryAtMs ??
    (failure && previous?.state !== 'exited' ? failure.failedAtMs + failedStartRetryMs : 0)
  if (failure && retryAtMs > now) {
    draft.wait(name, shownFailure(failure, now, draft))
    draft.wakeAt(retryAtMs)
    return
  }
  const endedAtMs = previous?.state === 'exited' ? endOf(previous) : undefined
  if (endedAtMs !== undefined) {
    const backoff = memory.backoffs.get(name)
    const known = backoff?.hash === containerHash(container) ? backoff : undefined
    const startAtMs = retryAt(memory.restartBackoff, known, endedAtMs)
    if (startAtMs > now) {
      draft.wait(name, crashLoop(input, container, known?.delayMs ?? 0, failure, draft))
      draft.wakeAt(startAtMs)
      return
    }
  }
  const created = failure ? undefined : startable(previous, container, sandbox)
  draft.add({
    type: 'startContainer',
    name,
    kind,
    sandboxID: sandbox.id,
    attempt: created ? created.attempt : nextAttempt(input, name, previous),
    ...(created && { createdID: created.id }),
    ...(endedAtMs !== undefined && { previousEndedAtMs: endedAtMs }),
  })
}

/**
 * The newest instance where it only has to be started. Making another beside it would run both when the start that an
 * earlier kubelet asked for is still under way.
 */
function startable(
  newest: ObservedContainer | undefined,
  container: AnyContainer,
  sandbox: SandboxStatus,
): ObservedContainer | undefined {
  const isUsable =
    newest?.state === 'created' && newest.sandboxID === sandbox.id && !isDefinitionChanged(container, newest)
  return isUsable ? newest : undefined
}

function endOf(instance: ObservedContainer): number {
  return instance.finishedAtMs || instance.createdAtMs
}

function shownFailure(failure: StartFailure, now: number, draft: PlanDraft): Waiting {
  const { reason, message, failedAtMs, backoff } = failure
  if (backoff === undefined) return { reason, message }
  if (now - failedAtMs >= errorShownMs) return backoff
  draft.wakeAt(failedAtMs + errorShownMs)
  return { reason, message }
}

function crashLoop(
  input: PlanInput,
  container: AnyContainer,
  delayMs: number,
  failure: StartFailure | undefined,
  draft: PlanDraft,
): Waiting {
  const backoff = {
    reason: 'CrashLoopBackOff',
    message: `back-off ${formatDuration(delayMs)} restarting failed container=${container.name} pod=${describePod(input.pod)}`,
  }
  return failure ? shownFailure({ ...failure, backoff }, input.now, draft) : backoff
}

/** One more than the last instance's; the API remembers it when the runtime does not. */
function nextAttempt(input: PlanInput, name: string, previous: ObservedContainer | undefined): number {
  if (previous) return previous.attempt + 1
  const {
    containerStatuses = [],
    initContainerStatuses = [],
    ephemeralContainerStatuses = [],
  } = input.pod.status ?? {}
  const status = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    (status) => status.name === name,
  )
  if (status === undefined) return 0
  return status.containerID ? status.restartCount + 1 : status.restartCount
}
