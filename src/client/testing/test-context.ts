import { silentLogger, type LogFields, type Logger } from '../../machinery/log.ts'
import { createMetrics, type Metrics } from '../../machinery/metrics.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock, type FakeClock } from '../../machinery/testing/fake-clock.ts'
import type { ComponentContext } from '../component.ts'
import { createInformers } from '../informers/informers.ts'
import { createMemoryClient, type MemoryClient } from './memory-client.ts'

export interface TestContext extends ComponentContext {
  readonly client: MemoryClient
  readonly clock: FakeClock
  readonly metrics: Metrics
  /** Everything logged at warn or error. */
  readonly complaints: readonly { readonly message: string; readonly fields: LogFields }[]
}

/** What a component is given, over a memory client, a fake clock and seeded randomness. */
export function testContext(): TestContext {
  const clock = fakeClock()
  const random = seededRandom(1)
  const client = createMemoryClient(clock)
  const complaints: { readonly message: string; readonly fields: LogFields }[] = []
  const complain = (message: string, fields: LogFields = {}) => void complaints.push({ message, fields })
  const log: Logger = { ...silentLogger, warn: complain, error: complain, with: () => log }
  const informers = createInformers({ client, clock, random, log })
  return { client, informers, clock, random, log, metrics: createMetrics(), complaints }
}

/** Lets promises settle until `condition` holds; fails after a thousand turns of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (condition()) return
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error(`the condition does not become true: ${condition.toString()}`)
}
