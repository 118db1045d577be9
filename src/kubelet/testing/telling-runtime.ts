import { RuntimeError } from '../runtime/runtime-error.ts'
import type {
  ContainerRuntime,
  ContainerState,
  ContainerStatus,
  RuntimeEvent,
  SandboxStatus,
} from '../runtime/runtime.ts'

/** A runtime of which a test says what it holds, what it tells, and when. */
export interface TellingRuntime {
  readonly runtime: ContainerRuntime
  /** Calls that were made since the last reset, by name. */
  readonly calls: Map<string, number>
  /** Makes a pod `uid` with sandbox `s-uid` and running container `c-uid`. */
  addPod(uid: string): void
  /** What its answers say of the container `c-uid` from now on. */
  answer(uid: string, state: ContainerState, reason?: string): void
  /** What its answers say of a pod from now on is that there is none. */
  removePod(uid: string): void
  tell(event: RuntimeEvent): void
  /** Ends the stream of events: with an error, or quietly. */
  endEvents(error?: RuntimeError): void
  /** How many streams are being listened to. */
  readonly listeners: number
  /** All calls fail, and streams end. */
  isAway: boolean
}

export function tellingRuntime(): TellingRuntime {
  const sandboxes = new Map<string, SandboxStatus>()
  const containers = new Map<string, ContainerStatus & { readonly sandboxID: string }>()
  const calls = new Map<string, number>()
  const streams = new Set<{ queue: (RuntimeEvent | RuntimeError | undefined)[]; wake(): void }>()
  let isAway = false

  async function answer<T>(name: string, value: () => T): Promise<T> {
    calls.set(name, (calls.get(name) ?? 0) + 1)
    await Promise.resolve()
    if (isAway) throw new RuntimeError('unavailable', 'away')
    return value()
  }
  function push(item: RuntimeEvent | RuntimeError | undefined): void {
    for (const stream of streams) {
      stream.queue.push(item)
      stream.wake()
    }
  }
  function found<T>(map: ReadonlyMap<string, T>, id: string): T {
    const value = map.get(id)
    if (!value) throw new RuntimeError('notFound', `${id}: not found`)
    return value
  }

  async function* events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    if (isAway) throw new RuntimeError('unavailable', 'away')
    const stream = { queue: [] as (RuntimeEvent | RuntimeError | undefined)[], wake() {} }
    streams.add(stream)
    signal.addEventListener('abort', () => stream.wake(), { once: true })
    try {
      yield { type: 'subscribed' }
      while (!signal.aborted) {
        if (stream.queue.length === 0) await new Promise<void>((resolve) => (stream.wake = resolve))
        while (stream.queue.length > 0) {
          const item = stream.queue.shift()
          if (item === undefined) return
          if (item instanceof RuntimeError) throw item
          yield item
        }
      }
    } finally {
      streams.delete(stream)
    }
  }

  const runtime = {
    type: 'telling',
    usesHost: true,
    listSandboxes: (filter?: { podUID?: string }) =>
      answer('listSandboxes', () =>
        sandboxes
          .values()
          .filter(({ uid }) => filter?.podUID === undefined || uid === filter.podUID)
          .toArray(),
      ),
    listContainers: (filter?: { podUID?: string }) =>
      answer('listContainers', () =>
        containers
          .values()
          .filter(
            ({ labels }) => filter?.podUID === undefined || labels['io.kubernetes.pod.uid'] === filter.podUID,
          )
          .toArray(),
      ),
    sandboxStatus: (id: string) => answer('sandboxStatus', () => found(sandboxes, id)),
    containerStatus: (id: string) => answer('containerStatus', () => found(containers, id)),
    events,
  } as Partial<ContainerRuntime> as ContainerRuntime

  return {
    runtime,
    calls,
    addPod(uid) {
      const labels = { 'io.kubernetes.pod.uid': uid }
      sandboxes.set(`s-${uid}`, {
        id: `s-${uid}`,
        name: uid,
        namespace: 'default',
        uid,
        attempt: 0,
        state: 'ready',
        createdAtMs: 1,
        labels,
        annotations: {},
        ips: [],
        network: 'pod',
      })
      containers.set(`c-${uid}`, {
        id: `c-${uid}`,
        sandboxID: `s-${uid}`,
        name: 'app',
        attempt: 0,
        state: 'running',
        createdAtMs: 2,
        labels,
        annotations: {},
        reference: `telling://c-${uid}`,
        image: 'image',
        imageRef: 'image',
        startedAtMs: 3,
        finishedAtMs: 0,
        exitCode: 0,
        reason: '',
        message: '',
        logPath: '/dev/null',
        mounts: [],
      })
    },
    answer(uid, state, reason = '') {
      containers.set(`c-${uid}`, { ...found(containers, `c-${uid}`), state, reason })
    },
    removePod(uid) {
      sandboxes.delete(`s-${uid}`)
      containers.delete(`c-${uid}`)
    },
    tell: push,
    endEvents: push,
    get listeners() {
      return streams.size
    },
    get isAway() {
      return isAway
    },
    set isAway(away) {
      isAway = away
      if (away) push(new RuntimeError('unavailable', 'Connection dropped'))
    },
  }
}
