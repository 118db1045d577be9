import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { ContainerRuntime, RuntimeEvent } from '../runtime/runtime.ts'
import type { ObservedContainer, PodObservation } from './observation.ts'
import { undefinedWhenGone } from './read-pod.ts'

/** What a runtime says of a container or sandbox, before its answers have it. */
export type Told = Extract<RuntimeEvent, { readonly id: string }>

/** What the runtime has told and has not been seen yet: it is looked for until it is. */
export interface ExpectedChanges {
  expect(told: Told): void
  stop(): void
}

export interface ExpectedChangesOptions {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  readonly log: Logger
  /** The pod that is known to have the container or sandbox. */
  readonly ownerOf: (id: string) => PodObservation | undefined
  /** Something of the pod has changed: it is to be read again. `outdated`: a container whose status is not what it was. */
  readonly onSeen: (podUID: string, outdated?: string) => Promise<void>
}

interface Expected {
  told: Told['type']
  /** Whose pod was known when it was told, or after. */
  wasKnown: boolean
  readonly sinceMs: number
  delayMs: number
  cancel: () => void
}

/** What containerd needs from its event to its answer is about this, twice or thrice over. */
const firstLookMs = 10
const longestDelayMs = 1000
/** A start is mostly our own, and its end is looked at anyway. */
const startLookMs = 1000
/** Not every runtime says that memory ran out, nor forgets what others than it have removed. */
const patienceMs = 5000
const outOfMemoryReason = 'OOMKilled'

export function createExpectedChanges(options: ExpectedChangesOptions): ExpectedChanges {
  const { runtime, clock, log, ownerOf, onSeen } = options
  /** By id; what is told beside an end is looked for beside it. */
  const expected = new Map<string, Expected>()
  let stopped = false

  function expect({ type, id }: Told): void {
    const key = type === 'outOfMemory' || type === 'removed' ? `${id}/${type}` : id
    const before = expected.get(key)
    before?.cancel()
    // What has begun may have ended before it was looked at; what has ended does not begin again.
    const told = before?.told === 'exited' ? 'exited' : type
    const one: Expected = {
      told,
      wasKnown: before?.wasKnown ?? ownerOf(id) !== undefined,
      sinceMs: before?.sinceMs ?? clock.monotonic(),
      delayMs: told === 'started' ? startLookMs : firstLookMs,
      cancel: () => {},
    }
    expected.set(key, one)
    schedule(key, id, one)
  }

  function schedule(key: string, id: string, one: Expected): void {
    one.cancel = clock.after(one.delayMs, () => void look(key, id, one))
    one.delayMs = Math.min(one.delayMs * 2, longestDelayMs)
  }

  async function look(key: string, id: string, one: Expected): Promise<void> {
    let isSeen = false
    try {
      isSeen = await hasCome(id, one)
    } catch (error) {
      log.debug('asking the runtime about a container failed', { id, error })
    }
    if (stopped || expected.get(key) !== one) return
    if (isSeen) expected.delete(key)
    else schedule(key, id, one)
  }

  /** Whether there is nothing more to look for. Rejects with a RuntimeError. */
  async function hasCome(id: string, one: Expected): Promise<boolean> {
    const owner = ownerOf(id)
    if (!owner) return one.wasKnown || one.told === 'removed' || (await isNobodys(id, one))
    one.wasKnown = true
    const container = owner.containers.find((other) => other.id === id)
    if (one.told === 'removed') return await isGone(owner, id, one)
    if (!container) return one.told !== 'exited' || (await hasSandboxStopped(owner, id))
    switch (one.told) {
      case 'started':
        return container.state !== 'created' || (await hasChanged(owner, container))
      case 'exited':
        return container.state === 'exited' || (await hasChanged(owner, container))
      case 'outOfMemory':
        return container.reason === outOfMemoryReason || (await hasReason(owner, container, one))
    }
  }

  async function hasChanged(owner: PodObservation, { id, state }: ObservedContainer): Promise<boolean> {
    const status = await runtime.containerStatus(id).catch(undefinedWhenGone)
    if (status?.state === state) return false
    await onSeen(owner.uid)
    return ownerOf(id)?.containers.find((other) => other.id === id)?.state !== state
  }

  async function hasReason(
    owner: PodObservation,
    { id }: ObservedContainer,
    one: Expected,
  ): Promise<boolean> {
    const status = await runtime.containerStatus(id).catch(undefinedWhenGone)
    if (status && status.reason !== outOfMemoryReason) {
      return clock.monotonic() - one.sinceMs >= patienceMs
    }
    // Of a container that goes on, one of the processes was killed: it is told when the container ends.
    if (status?.state !== 'running') await onSeen(owner.uid, id)
    return true
  }

  async function isGone(owner: PodObservation, id: string, one: Expected): Promise<boolean> {
    const isContainer = owner.containers.some((other) => other.id === id)
    const answer = isContainer ? runtime.containerStatus(id) : runtime.sandboxStatus(id)
    if (await answer.catch(undefinedWhenGone)) return clock.monotonic() - one.sinceMs >= patienceMs
    await onSeen(owner.uid)
    return true
  }

  async function hasSandboxStopped(owner: PodObservation, id: string): Promise<boolean> {
    const isReady = () => ownerOf(id)?.sandboxes.some((other) => other.id === id && other.state === 'ready')
    if (!isReady()) return true
    const status = await runtime.sandboxStatus(id).catch(undefinedWhenGone)
    if (status?.state === 'ready') return false
    await onSeen(owner.uid)
    return !isReady()
  }

  /** Whoever has begun it comes to know it; when nobody does, it is somebody else's, or left over. */
  async function isNobodys(id: string, { sinceMs }: Expected): Promise<boolean> {
    if (clock.monotonic() - sinceMs < startLookMs) return false
    const container = await runtime.containerStatus(id).catch(undefinedWhenGone)
    const uid =
      container?.labels['io.kubernetes.pod.uid'] ??
      (await runtime.sandboxStatus(id).catch(undefinedWhenGone))?.uid
    if (uid) await onSeen(uid)
    return ownerOf(id) === undefined
  }

  return {
    expect,
    stop() {
      stopped = true
      for (const { cancel } of expected.values()) cancel()
      expected.clear()
    },
  }
}
