import type { Node, Pod } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { keyOf, parseKey } from '../../machinery/resource.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../machinery/status-errors.ts'
import { configHashAnnotation, configMirrorAnnotation, isMirrorPod } from '../pods/pod.ts'

/** Keeps a mirror in the API server for each static pod, so that users see it; the manifest alone decides. */
export interface MirrorPods {
  /** The static pods there are now. */
  setStatic(pods: readonly Pod[]): void
  /** A mirror has changed in the API server, or something that has its name. */
  changed(key: string): void
  /** There is a node now, to own mirrors: those that waited for it are made. */
  nodeRegistered(): void
  /** The mirror of a static pod, when it is there and is of this manifest. */
  mirrorOf(pod: Pod): Pod | undefined
  stop(): Promise<void>
}

export interface MirrorPodsOptions {
  readonly client: Client
  readonly clock: Clock
  readonly log: Logger
  /** What the API server has under a name, from the cache of this node's pods. */
  readonly find: (key: string) => Pod | undefined
  /** Mirrors are owned by their node; undefined until it is registered. */
  readonly node: () => Node | undefined
}

const firstRetryMs = 500
const maximumRetryMs = 30_000

export function createMirrorPods(options: MirrorPodsOptions): MirrorPods {
  const { client, clock, log, find } = options
  const wanted = new Map<string, Pod>()
  const running = new Map<string, Promise<void>>()
  const again = new Set<string>()
  const abort = new AbortController()

  function changed(key: string): void {
    again.add(key)
    if (running.has(key) || abort.signal.aborted) return
    running.set(
      key,
      run(key).finally(() => running.delete(key)),
    )
  }

  async function run(key: string): Promise<void> {
    let retryMs = firstRetryMs
    while (again.delete(key) && !abort.signal.aborted) {
      try {
        await reconcile(key)
        retryMs = firstRetryMs
      } catch (error) {
        if (abort.signal.aborted) return
        log.warn('keeping a mirror pod failed', { pod: key, error })
        again.add(key)
        await sleep(clock, retryMs, abort.signal).catch(() => undefined)
        retryMs = Math.min(retryMs * 2, maximumRetryMs)
      }
    }
  }

  async function reconcile(key: string): Promise<void> {
    const pod = wanted.get(key)
    const found = find(key)
    if (found && isMirrorPod(found) && !(pod && isCurrent(found, pod))) await remove(found)
    else if (found || !pod) return
    if (!pod) return
    const node = options.node()
    if (node === undefined) return
    try {
      await client.create(pods, mirror(pod, node))
    } catch (error) {
      // Another pod of that name: when it goes, this is asked again.
      if (!isAlreadyExists(error)) throw error
    }
  }

  async function remove(found: Pod): Promise<void> {
    const uid = found.metadata?.uid
    try {
      await client.delete(pods, parseKey(keyOf(found)), {
        gracePeriodSeconds: 0,
        ...(uid !== undefined && { preconditions: { uid } }),
      })
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error
    }
  }

  return {
    setStatic(now) {
      const keys = new Set([...wanted.keys(), ...now.map(keyOf)])
      wanted.clear()
      for (const pod of now) wanted.set(keyOf(pod), pod)
      for (const key of keys) changed(key)
    },
    changed,
    nodeRegistered() {
      for (const key of wanted.keys()) changed(key)
    },
    mirrorOf(pod) {
      const found = find(keyOf(pod))
      return found && isMirrorPod(found) && isCurrent(found, pod) ? found : undefined
    },
    async stop() {
      abort.abort(new Error('the kubelet stops'))
      await Promise.all(running.values())
    },
  }
}

function isCurrent(found: Pod, pod: Pod): boolean {
  return (
    found.metadata?.deletionTimestamp === undefined &&
    found.metadata?.annotations?.[configMirrorAnnotation] ===
      pod.metadata?.annotations?.[configHashAnnotation]
  )
}

function mirror(pod: Pod, node: Node): Pod {
  const { uid: _uid, ...metadata } = pod.metadata ?? {}
  const hash = pod.metadata?.annotations?.[configHashAnnotation] ?? ''
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [configMirrorAnnotation]: hash },
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Node',
          name: node.metadata?.name ?? '',
          uid: node.metadata?.uid ?? '',
          controller: true,
        },
      ],
    },
    ...(pod.spec && { spec: pod.spec }),
  }
}
