import { watch, type FSWatcher } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from '../../api/generated/core.v1.ts'
import type { Cancel, Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { parseStaticPod } from './static-pod.ts'

export interface StaticPodSource {
  stop(): void
}

export interface StaticPodSourceOptions {
  readonly directory: string
  readonly nodeName: string
  readonly clock: Clock
  readonly log: Logger
  /** All static pods there are now, whenever that may have changed. */
  readonly onPods: (pods: readonly Pod[]) => void
}

/** As upstream's fileCheckFrequency: for file systems that do not tell of changes. */
const checkPeriodMs = 20_000
/** A file that is being written is read when it has been let alone for so long. */
const settleMs = 100

/** Pods from the manifests (YAML or JSON) in a directory; names that begin with a dot do not count. */
export async function watchStaticPods(options: StaticPodSourceOptions): Promise<StaticPodSource> {
  const { directory, clock, log } = options
  let stopped = false
  let cancel: Cancel = () => {}
  /** What was made of each file, so that a pod keeps its identity while its manifest stays the same. */
  let known = new Map<string, { readonly text: string; readonly pod: Pod | undefined }>()

  async function read(): Promise<void> {
    const next = new Map<string, { readonly text: string; readonly pod: Pod | undefined }>()
    const names = (await readdir(directory)).filter((name) => !name.startsWith('.')).sort()
    for (const name of names) {
      const path = join(directory, name)
      const bytes = await readFile(path).catch(() => undefined)
      if (bytes === undefined) continue
      const text = bytes.toString()
      const before = known.get(name)
      next.set(name, before?.text === text ? before : { text, pod: parse(path, bytes) })
    }
    known = next
    const pods = new Map<string, Pod>()
    for (const { pod } of known.values()) {
      if (pod) pods.set(`${pod.metadata?.namespace}/${pod.metadata?.name}`, pod)
    }
    if (!stopped) options.onPods([...pods.values()])
  }

  function parse(path: string, bytes: Buffer): Pod | undefined {
    try {
      return parseStaticPod(bytes, options.nodeName, clock.now())
    } catch (error) {
      log.error('a static pod manifest cannot be used', { path, error })
      return undefined
    }
  }

  function schedule(delayMs: number): void {
    cancel()
    if (stopped) return
    cancel = clock.after(delayMs, () => {
      void read()
        .catch((error: unknown) => log.error('reading static pods failed', { directory, error }))
        .finally(() => schedule(checkPeriodMs))
    })
  }

  await mkdir(directory, { recursive: true })
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(directory, () => schedule(settleMs))
    watcher.on('error', (error) => log.warn('watching static pods failed', { directory, error }))
  } catch (error) {
    log.warn('watching static pods failed', { directory, error })
  }
  await read()
  schedule(checkPeriodMs)
  return {
    stop() {
      stopped = true
      cancel()
      watcher?.close()
    },
  }
}
