import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { BackendAgents, type TlsIdentity } from '../connect/backend.ts'
import { fetchFromKubelet } from './fetch-from-kubelet.ts'
import { kubeletOf } from '../connect/node-location.ts'
import type { Objects } from '../objects.ts'
import { parseResourceSample, type ResourceSample } from './resource-sample.ts'

export interface NodeSamplesOptions {
  readonly objects: Objects
  readonly identity: TlsIdentity
  readonly clock: Clock
  readonly log: Logger
}

/** Two looks at a node, from which usage is measured. */
export interface SamplePair {
  readonly before: ResourceSample
  readonly after: ResourceSample
}

interface Look {
  readonly atMs: number
  readonly sample: ResourceSample
}

interface Seen {
  readonly before: Look | undefined
  readonly after: Look
}

/** Asked again sooner than this, what is known is good enough. */
const freshMs = 5_000
/** A look older than this says little of the present: another one is taken first. */
const oldestBaseMs = 90_000
/** The time between the two looks where there was none before. */
const firstWindowMs = 1_000
const timeoutMs = 10_000
/** So many kubelets are asked at once. */
const concurrency = 64

/** Looks at nodes when somebody asks; nothing happens while nobody does. */
export class NodeSamples {
  readonly #options: NodeSamplesOptions
  readonly #agents = new BackendAgents()
  readonly #seen = new Map<string, Seen>()
  readonly #looking = new Map<string, Promise<SamplePair | undefined>>()

  constructor(options: NodeSamplesOptions) {
    this.#options = options
  }

  /** Of each of the nodes that answers. */
  async of(nodeNames: Iterable<string>): Promise<ReadonlyMap<string, SamplePair>> {
    const pairs = new Map<string, SamplePair>()
    const names = [...new Set(nodeNames)]
    const work = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        const pair = await this.#pairOf(name)
        if (pair) pairs.set(name, pair)
      }
    }
    await Promise.all(Array.from({ length: Math.min(concurrency, names.length) }, work))
    return pairs
  }

  /** Forgets nodes that are gone. */
  keepOnly(nodeNames: ReadonlySet<string>): void {
    for (const name of this.#seen.keys()) if (!nodeNames.has(name)) this.#seen.delete(name)
  }

  close(): void {
    this.#agents.close()
  }

  #pairOf(nodeName: string): Promise<SamplePair | undefined> {
    const known = this.#looking.get(nodeName)
    if (known) return known
    const { clock, log } = this.#options
    const seen = this.#seen.get(nodeName)
    if (seen?.before && clock.monotonic() - seen.after.atMs < freshMs) {
      return Promise.resolve({ before: seen.before.sample, after: seen.after.sample })
    }
    const looking = this.#lookAgain(nodeName, seen)
      .catch((error: unknown) => {
        log.warn('asking a kubelet for its statistics failed', { node: nodeName, error: String(error) })
        return undefined
      })
      .finally(() => this.#looking.delete(nodeName))
    this.#looking.set(nodeName, looking)
    return looking
  }

  async #lookAgain(nodeName: string, seen: Seen | undefined): Promise<SamplePair> {
    const { clock } = this.#options
    const isUsable = seen && clock.monotonic() - seen.after.atMs <= oldestBaseMs
    const before = isUsable ? seen.after : await this.#look(nodeName)
    const elapsedMs = clock.monotonic() - before.atMs
    if (elapsedMs < firstWindowMs) await sleep(clock, firstWindowMs - elapsedMs)
    const after = await this.#look(nodeName)
    this.#seen.set(nodeName, { before, after })
    return { before: before.sample, after: after.sample }
  }

  async #look(nodeName: string): Promise<Look> {
    const { objects, identity, clock } = this.#options
    const kubelet = kubeletOf(objects, nodeName, identity)
    const atMs = clock.monotonic()
    const text = await fetchFromKubelet(kubelet, '/metrics/resource', {
      agents: this.#agents,
      clock,
      timeoutMs,
    })
    return { atMs, sample: parseResourceSample(text, clock.now()) }
  }
}
