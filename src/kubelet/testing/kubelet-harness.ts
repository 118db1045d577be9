import type { Event, Pod } from '../../api/generated/core.v1.ts'
import { events, pods } from '../../api/generated/resources.ts'
import type { RunningComponent } from '../../client/component.ts'
import { createInformers } from '../../client/informers/informers.ts'
import { createMemoryClient, type MemoryClient } from '../../client/testing/memory-client.ts'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger, type Logger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { systemRandom } from '../../machinery/random.ts'
import type { KubeletOptions } from '../options.ts'
import { startKubelet } from '../start-kubelet.ts'

/** A kubelet on the machine's clock, over a memory client that outlives it. */
export interface KubeletHarness {
  readonly client: MemoryClient
  start(): Promise<RunningComponent>
  stop(): Promise<void>
  /** Waits until the pod is as asked; fails after `timeoutMs` with what it is. */
  waitFor(name: string, condition: (pod: Pod) => boolean, timeoutMs?: number): Promise<Pod>
  waitGone(name: string, timeoutMs?: number): Promise<void>
  eventsOf(name: string): Promise<readonly Event[]>
}

const pollMs = 10

export function kubeletHarness(options: KubeletOptions): KubeletHarness {
  const log: Logger = process.env.KUBELET_LOG
    ? { debug() {}, info: console.log, warn: console.log, error: console.log, with: () => log }
    : silentLogger
  const client = createMemoryClient(systemClock)
  let running: { kubelet: RunningComponent; stop(): Promise<void> } | undefined

  const find = (name: string) => client.get(pods, { namespace: 'default', name }).catch(() => undefined)

  async function eventsOf(name: string): Promise<readonly Event[]> {
    const { items } = await client.list(events)
    return items.filter(({ involvedObject }) => involvedObject.name === name)
  }

  async function poll(what: string, timeoutMs: number, done: () => Promise<boolean>): Promise<void> {
    for (let waited = 0; waited < timeoutMs; waited += pollMs) {
      if (await done()) return
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
    throw new Error(what)
  }

  return {
    client,
    async start() {
      const context = { client, clock: systemClock, random: systemRandom, log, metrics: createMetrics() }
      const informers = createInformers(context)
      const kubelet = await startKubelet({ ...context, informers }, options)
      await kubelet.ready
      running = {
        kubelet,
        async stop() {
          await kubelet.stop()
          await informers.stop()
        },
      }
      return kubelet
    },
    async stop() {
      await running?.stop()
      running = undefined
    },
    async waitFor(name, condition, timeoutMs = 60_000) {
      let last: Pod | undefined
      try {
        await poll('', timeoutMs, async () => {
          last = await find(name)
          return last !== undefined && condition(last)
        })
      } catch {
        const told = (await eventsOf(name)).map(({ reason, message }) => `${reason}: ${message}`)
        throw new Error(
          `pod ${name} does not become as asked: ${JSON.stringify(last?.status, undefined, 1)}\n${told.join('\n')}`,
        )
      }
      return last!
    },
    waitGone: (name, timeoutMs = 60_000) =>
      poll(`pod ${name} does not go`, timeoutMs, async () => (await find(name)) === undefined),
    eventsOf,
  }
}
