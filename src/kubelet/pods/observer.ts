import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { isNotFound, isRuntimeError } from '../runtime/runtime-error.ts'
import type { ContainerRuntime, ContainerSummary, SandboxStatus, SandboxSummary } from '../runtime/runtime.ts'
import { emptyObservation, newestFirst, type ObservedContainer, type PodObservation } from './observation.ts'
import { readTerminationMessage } from './termination-message.ts'

/**
 * What the runtime holds of every pod, kept up to date by its events where it has them, else by listing everything once
 * a second while there are pods. What has not changed is not asked for again.
 */
export interface Observer {
  /** What was seen last. */
  get(podUID: string): PodObservation
  /** Asks the runtime about one pod now. Rejects with a RuntimeError; what was seen before then stands. */
  refresh(podUID: string): Promise<PodObservation>
  /** Lists everything once. Rejects with a RuntimeError. */
  relist(): Promise<void>
  podUIDs(): readonly string[]
  /** The pod is gone for good. */
  forget(podUID: string): void
  /** Begins to follow the runtime. `isNeeded`: whether there is anything to follow. */
  start(isNeeded: () => boolean): void
  stop(): void
  /** Why the runtime has not been seen for a while; undefined when it has. */
  health(): string | undefined
}

export interface ObserverOptions {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  readonly log: Logger
  /** Something in the pod has changed; `get` has it. */
  readonly onChange: (podUID: string) => void
}

const relistPeriodMs = 1000
/** With events, listing only finds what they have missed. */
const relistPeriodWithEventsMs = 300_000
const unhealthyAfterMs = 3 * 60_000

export function createObserver(options: ObserverOptions): Observer {
  const { runtime, clock, log } = options
  const pods = new Map<string, PodObservation>()
  /** Grows with every answer taken over, so that a slow answer does not overwrite a newer one. */
  const versions = new Map<string, number>()
  let asked = 0
  let lastListMs = clock.monotonic()
  let hasEvents = false
  let stopped = new AbortController()
  let cancel = () => {}

  async function assemble(
    uid: string,
    sandboxes: readonly SandboxSummary[],
    containers: readonly ContainerSummary[],
  ): Promise<PodObservation> {
    const before = pods.get(uid)
    // What was there and is not listed any more is asked for by name: listings may be of the past.
    const missing = <T extends { readonly id: string }>(
      known: readonly T[],
      listed: readonly { readonly id: string }[],
    ) => known.filter(({ id }) => !listed.some((other) => other.id === id))
    const missingSandboxes = missing(before?.sandboxes ?? [], sandboxes)
    const missingContainers = missing(before?.containers ?? [], containers)
    const [sandboxStatuses, containerStatuses] = await Promise.all([
      Promise.all([
        ...sandboxes.map((summary) => sandboxStatus(before, summary)),
        ...missingSandboxes.map((summary) => sandboxStatus(undefined, summary)),
      ]),
      Promise.all([
        ...containers.map((summary) => containerStatus(before, summary)),
        ...missingContainers.map((summary) => containerStatus(undefined, summary)),
      ]),
    ])
    const first = sandboxes[0]
    const labels = containers[0]?.labels ?? {}
    return {
      uid,
      name: first?.name ?? labels['io.kubernetes.pod.name'] ?? before?.name ?? '',
      namespace: first?.namespace ?? labels['io.kubernetes.pod.namespace'] ?? before?.namespace ?? '',
      sandboxes: sandboxStatuses.filter((status) => status !== undefined).sort(newestFirst),
      containers: containerStatuses.filter((status) => status !== undefined).sort(newestFirst),
    }
  }

  /** The addresses of a sandbox do not change while its state does not. */
  async function sandboxStatus(
    before: PodObservation | undefined,
    summary: SandboxSummary,
  ): Promise<SandboxStatus | undefined> {
    const known = before?.sandboxes.find(({ id }) => id === summary.id)
    if (known && known.state === summary.state) return known
    try {
      return await runtime.sandboxStatus(summary.id)
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /** A container's status does not change while its state does not. */
  async function containerStatus(
    before: PodObservation | undefined,
    summary: ContainerSummary,
  ): Promise<ObservedContainer | undefined> {
    const known = before?.containers.find(({ id }) => id === summary.id)
    if (known && known.state === summary.state && known.attempt === summary.attempt) return known
    try {
      const status = await runtime.containerStatus(summary.id)
      const message = status.state === 'exited' ? await readTerminationMessage(status) : undefined
      return {
        ...status,
        sandboxID: summary.sandboxID,
        ...(message !== undefined && { terminationMessage: message }),
      }
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  function take(uid: string, version: number, observation: PodObservation): boolean {
    if ((versions.get(uid) ?? 0) > version) return false
    versions.set(uid, version)
    const before = pods.get(uid)
    const isEmpty = observation.sandboxes.length === 0 && observation.containers.length === 0
    if (isEmpty) pods.delete(uid)
    else pods.set(uid, observation)
    return !sameObservation(before, isEmpty ? undefined : observation)
  }

  async function refresh(uid: string): Promise<PodObservation> {
    const version = ++asked
    const [sandboxes, containers] = await Promise.all([
      runtime.listSandboxes({ podUID: uid }),
      runtime.listContainers({ podUID: uid }),
    ])
    take(uid, version, await assemble(uid, sandboxes, containers))
    return get(uid)
  }

  async function relist(): Promise<void> {
    const version = ++asked
    const [sandboxes, containers] = await Promise.all([runtime.listSandboxes(), runtime.listContainers()])
    lastListMs = clock.monotonic()
    const groups = new Map<string, { sandboxes: SandboxSummary[]; containers: ContainerSummary[] }>()
    const group = (uid: string) => {
      let found = groups.get(uid)
      if (found === undefined) groups.set(uid, (found = { sandboxes: [], containers: [] }))
      return found
    }
    for (const sandbox of sandboxes) group(sandbox.uid).sandboxes.push(sandbox)
    for (const container of containers) {
      group(container.labels['io.kubernetes.pod.uid'] ?? '').containers.push(container)
    }
    for (const uid of pods.keys()) group(uid)
    await Promise.all(
      Array.from(groups, async ([uid, found]) => {
        if (uid === '' || isUnchanged(pods.get(uid), found.sandboxes, found.containers)) return
        try {
          const observation = await assemble(uid, found.sandboxes, found.containers)
          if (take(uid, version, observation)) options.onChange(uid)
        } catch (error) {
          log.warn('asking the runtime about a pod failed', { uid, error })
        }
      }),
    )
  }

  function get(uid: string): PodObservation {
    return pods.get(uid) ?? emptyObservation(uid, '', '')
  }

  async function followEvents(signal: AbortSignal): Promise<void> {
    if (!runtime.events) return
    while (!signal.aborted) {
      try {
        const events = runtime.events(signal)
        hasEvents = true
        for await (const { podUID } of events) {
          const before = pods.get(podUID)
          await refresh(podUID)
          if (!sameObservation(before, pods.get(podUID))) options.onChange(podUID)
        }
      } catch (error) {
        hasEvents = false
        if (isRuntimeError(error, 'unimplemented')) return
        if (!signal.aborted) log.warn('following the runtime failed', { error })
      }
      hasEvents = false
      if (signal.aborted) return
      await new Promise<void>((resolve) => clock.after(relistPeriodMs, resolve))
    }
  }

  return {
    get,
    refresh,
    relist,
    podUIDs: () => [...pods.keys()],
    forget(uid) {
      pods.delete(uid)
      versions.delete(uid)
    },
    start(isNeeded) {
      const { signal } = stopped
      void followEvents(signal)
      const tick = async () => {
        const overdue = clock.monotonic() - lastListMs >= relistPeriodWithEventsMs
        if (isNeeded() && (!hasEvents || overdue)) {
          await relist().catch((error: unknown) => {
            if (!signal.aborted) log.warn('listing pods in the runtime failed', { error })
          })
        } else if (!isNeeded()) {
          lastListMs = clock.monotonic()
        }
        if (!signal.aborted) cancel = clock.after(relistPeriodMs, () => void tick())
      }
      cancel = clock.after(relistPeriodMs, () => void tick())
    },
    stop() {
      stopped.abort()
      stopped = new AbortController()
      cancel()
    },
    health() {
      const silentMs = clock.monotonic() - lastListMs
      if (hasEvents || silentMs < unhealthyAfterMs) return undefined
      return `the container runtime was last seen ${Math.round(silentMs / 1000)}s ago`
    },
  }
}

function isUnchanged(
  before: PodObservation | undefined,
  sandboxes: readonly SandboxSummary[],
  containers: readonly ContainerSummary[],
): boolean {
  return (
    sandboxes.length === (before?.sandboxes.length ?? 0) &&
    containers.length === (before?.containers.length ?? 0) &&
    sandboxes.every(({ id, state }) =>
      before?.sandboxes.some((known) => known.id === id && known.state === state),
    ) &&
    containers.every(({ id, state, attempt }) =>
      before?.containers.some(
        (known) => known.id === id && known.state === state && known.attempt === attempt,
      ),
    )
  )
}

function sameObservation(a: PodObservation | undefined, b: PodObservation | undefined): boolean {
  return isUnchanged(a, b?.sandboxes ?? [], b?.containers ?? [])
}
