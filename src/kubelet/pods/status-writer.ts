import type { Pod, PodStatus } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { sleep, type Cancel, type Clock } from '../../machinery/clock.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { Logger } from '../../machinery/log.ts'
import { isConflict, isNotFound } from '../../machinery/status-errors.ts'
import { statusPatch } from './status/status-patch.ts'
import { isTerminalPhase } from './pod.ts'

/**
 * Tells the API server the status of pods: one write at a time per pod, the newest status wins, and what is about to
 * change again at once is not told.
 */
export interface StatusWriter {
  /** `pod` is the API object to write to: of a static pod, its mirror. */
  write(pod: Pod, status: PodStatus): void
  /** Resolves when the status is written, or the pod's object is gone. */
  flush(pod: Pod, status: PodStatus): Promise<void>
  forget(podUID: string): void
  stop(): Promise<void>
}

/** A pod that is being started is about to change; so long its status may wait. */
const settleMs = 250
const firstRetryMs = 500
const maximumRetryMs = 30_000

interface Entry {
  pod: Pod
  status: PodStatus
  /** The newest the API server is known to have. */
  base: Pod
  /** What the last write asked for and what came of it. */
  last: { readonly wanted: PodStatus; readonly result: PodStatus } | undefined
  writing: Promise<void> | undefined
  timer: Cancel
  dueMs: number
  retryMs: number
}

export function createStatusWriter(context: {
  readonly client: Client
  readonly clock: Clock
  readonly log: Logger
}): StatusWriter {
  const { client, clock, log } = context
  const entries = new Map<string, Entry>()
  const abort = new AbortController()

  function entryOf(pod: Pod, status: PodStatus): Entry {
    const uid = pod.metadata?.uid ?? ''
    let entry = entries.get(uid)
    if (entry === undefined) {
      entry = {
        pod,
        status,
        base: pod,
        last: undefined,
        writing: undefined,
        timer: () => {},
        dueMs: Infinity,
        retryMs: firstRetryMs,
      }
      entries.set(uid, entry)
    }
    entry.pod = pod
    entry.status = status
    if (versionOf(pod) > versionOf(entry.base)) entry.base = pod
    return entry
  }

  function schedule(entry: Entry, delayMs: number): void {
    const dueMs = clock.now() + delayMs
    if (abort.signal.aborted || entry.writing || entry.dueMs <= dueMs) return
    entry.timer()
    entry.dueMs = dueMs
    entry.timer = clock.after(delayMs, () => void start(entry))
  }

  function start(entry: Entry): Promise<void> {
    entry.timer()
    entry.dueMs = Infinity
    entry.writing ??= writeOnce(entry).then((again) => {
      entry.writing = undefined
      if (again !== undefined) schedule(entry, again)
    })
    return entry.writing
  }

  function pendingPatch(entry: Entry): object | undefined {
    const found = entry.base.status ?? {}
    const { last, status } = entry
    if (last && jsonEqual(last.wanted, status) && jsonEqual(last.result, found)) return undefined
    return statusPatch(entry.pod.metadata?.uid ?? '', found, status)
  }

  /** Resolves with the delay after which to look again, if at all. */
  async function writeOnce(entry: Entry): Promise<number | undefined> {
    const wanted = entry.status
    const body = pendingPatch(entry)
    if (body === undefined) return undefined
    const { name = '', namespace = '' } = entry.pod.metadata ?? {}
    try {
      const result = await client.patch(
        pods,
        { namespace, name },
        { type: 'strategic', body },
        { subresource: 'status' },
      )
      entry.last = { wanted, result: result.status ?? {} }
      if (versionOf(result) > versionOf(entry.base)) entry.base = result
      entry.retryMs = firstRetryMs
      return entry.status === wanted ? undefined : 0
    } catch (error) {
      // Gone, or another pod of the same name: there is nobody left to tell.
      if (isNotFound(error) || isConflict(error)) {
        entry.last = { wanted, result: entry.base.status ?? {} }
        return undefined
      }
      if (abort.signal.aborted) return undefined
      log.warn('writing the status of a pod failed', { pod: `${namespace}/${name}`, error })
      const retryMs = entry.retryMs
      entry.retryMs = Math.min(retryMs * 2, maximumRetryMs)
      return retryMs
    }
  }

  return {
    write(pod, status) {
      if (abort.signal.aborted) return
      const entry = entryOf(pod, status)
      if (pendingPatch(entry) !== undefined) schedule(entry, isSettled(status) ? 0 : settleMs)
    },
    async flush(pod, status) {
      const entry = entryOf(pod, status)
      while (!abort.signal.aborted && pendingPatch(entry) !== undefined) {
        await start(entry)
        if (entry.last && jsonEqual(entry.last.wanted, entry.status)) return
        const waitMs = Math.min(entry.retryMs, Math.max(0, entry.dueMs - clock.now()))
        if (waitMs > 0) await sleep(clock, waitMs, abort.signal).catch(() => undefined)
      }
    },
    forget(podUID) {
      entries.get(podUID)?.timer()
      entries.delete(podUID)
    },
    async stop() {
      abort.abort(new Error('the kubelet stops'))
      for (const entry of entries.values()) entry.timer()
      await Promise.all([...entries.values()].flatMap(({ writing }) => writing ?? []))
    },
  }
}

/** False while containers are still being created: what follows is near. */
function isSettled(status: PodStatus): boolean {
  if (status.phase !== 'Pending' || isTerminalPhase(status.phase)) return true
  const waiting = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]
  return !waiting.every(({ state }) => {
    const reason = state?.waiting?.reason
    return reason === 'ContainerCreating' || reason === 'PodInitializing'
  })
}

/** Resource versions of one resource are ordered. */
function versionOf(pod: Pod): bigint {
  const version = pod.metadata?.resourceVersion ?? ''
  return /^\d+$/.test(version) ? BigInt(version) : 0n
}
