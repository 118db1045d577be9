import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { ContainerRuntime, ContainerSummary, SandboxSummary } from '../runtime/runtime.ts'
import { createExpectedChanges } from './expected-changes.ts'
import { followRuntime, type RuntimeFollower, type RuntimeFollowerOptions } from './follow-runtime.ts'
import { emptyObservation, type PodObservation } from './observation.ts'
import type { ObserverMetrics } from './observer-metrics.ts'
import { isListed, readPod, type ListedPod } from './read-pod.ts'

/**
 * What the runtime holds of every pod, kept up to date by what it tells where it does, else by listing everything once
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
  readonly metrics?: ObserverMetrics
}

const unhealthyAfterMs = 3 * 60_000

export function createObserver(options: ObserverOptions): Observer {
  const { runtime, clock, log, metrics, onChange } = options
  const pods = new Map<string, PodObservation>()
  /** Grows with every answer taken over, so that a slow answer does not overwrite a newer one. */
  const versions = new Map<string, number>()
  /** Containers of whose statuses the runtime has said that they are not what they were. */
  const outdated = new Set<string>()
  let asked = 0
  let lastSeenMs = clock.monotonic()
  let follower: RuntimeFollower | undefined
  const expected = createExpectedChanges({
    runtime,
    clock,
    log,
    ownerOf: (id) => pods.values().find((pod) => owns(pod, id)),
    async onSeen(podUID, outdatedID) {
      if (outdatedID !== undefined) outdated.add(outdatedID)
      await refreshAndTell(podUID)
    },
  })

  /** What is outdated is not any more once the answer to a later question is here. */
  async function read(uid: string, listed: ListedPod): Promise<PodObservation> {
    const before = pods.get(uid)
    const known = new Set(before?.containers.map(({ id }) => id))
    const asked = outdated.intersection(known)
    const found = await readPod(runtime, uid, listed, before, asked)
    for (const id of asked) outdated.delete(id)
    return found
  }

  /** Whether it is news. */
  function take(uid: string, version: number, observation: PodObservation): boolean {
    if ((versions.get(uid) ?? 0) > version) return false
    versions.set(uid, version)
    const before = pods.get(uid)
    const isEmpty = observation.sandboxes.length === 0 && observation.containers.length === 0
    if (isEmpty) pods.delete(uid)
    else pods.set(uid, observation)
    return !isSame(before, isEmpty ? emptyObservation(uid, '', '') : observation)
  }

  async function refresh(uid: string): Promise<PodObservation> {
    const version = ++asked
    const [sandboxes, containers] = await Promise.all([
      runtime.listSandboxes({ podUID: uid }),
      runtime.listContainers({ podUID: uid }),
    ])
    take(uid, version, await read(uid, { sandboxes, containers }))
    return get(uid)
  }

  async function refreshAndTell(uid: string): Promise<void> {
    const before = pods.get(uid)
    await refresh(uid)
    if (!isSame(before, get(uid))) onChange(uid)
  }

  async function relist(): Promise<void> {
    const version = ++asked
    const startMs = clock.monotonic()
    const [sandboxes, containers] = await Promise.all([runtime.listSandboxes(), runtime.listContainers()])
    lastSeenMs = clock.monotonic()
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
        if (uid === '' || isListed(pods.get(uid), found)) return
        try {
          if (take(uid, version, await read(uid, found))) onChange(uid)
        } catch (error) {
          log.warn('asking the runtime about a pod failed', { uid, error })
        }
      }),
    )
    metrics?.relisted(startMs)
  }

  function get(uid: string): PodObservation {
    return pods.get(uid) ?? emptyObservation(uid, '', '')
  }

  async function onEvent(event: Parameters<RuntimeFollowerOptions['onEvent']>[0]): Promise<void> {
    lastSeenMs = clock.monotonic()
    if (event.type === 'podChanged') await refreshAndTell(event.podUID)
    else expected.expect(event)
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
      follower = followRuntime({
        runtime,
        clock,
        log,
        isNeeded,
        relist,
        onEvent,
        onSeen: () => (lastSeenMs = clock.monotonic()),
        onSubscription: (outcome, tookMs) => metrics?.subscribed(outcome, tookMs),
      })
    },
    stop() {
      follower?.stop()
      expected.stop()
    },
    health() {
      const silentMs = clock.monotonic() - lastSeenMs
      if (follower?.isTold || silentMs < unhealthyAfterMs) return undefined
      return `the container runtime was last seen ${Math.round(silentMs / 1000)}s ago`
    },
  }
}

function owns({ sandboxes, containers }: PodObservation, id: string): boolean {
  return containers.some((other) => other.id === id) || sandboxes.some((other) => other.id === id)
}

function isSame(before: PodObservation | undefined, now: PodObservation): boolean {
  const reasonOf = (id: string) => before?.containers.find((known) => known.id === id)?.reason
  return isListed(before, now) && now.containers.every(({ id, reason }) => reasonOf(id) === reason)
}
