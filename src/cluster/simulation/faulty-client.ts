import type { Client, WatchOptions } from '../../client/client.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { KubernetesObject, WatchEvent } from '../../machinery/meta.ts'
import type { Random } from '../../machinery/random.ts'
import type { Resource } from '../../machinery/resource.ts'
import { serviceUnavailable, timeoutError } from '../../machinery/status-errors.ts'

export interface FaultOptions {
  readonly clock: Clock
  readonly random: Random
  /** Faults happen while this is true. */
  isActive(): boolean
  /** The component that holds the client has crashed: nothing it does reaches the API server any more. */
  isDead(): boolean
  /** Crashes the component. */
  crash(): void
  /** A write was made, and its writer does not hear of it. */
  onLostWrite(resource: Resource): void
}

/** Chances of faults, of each call, and of each event of a watch. */
const chances = {
  refused: 0.02,
  answerLost: 0.02,
  crashAfterWrite: 0.004,
  delayedCall: 0.1,
  delayedEvent: 0.05,
  watchEnds: 0.01,
}
const maxCallDelayMs = 500
const maxEventDelayMs = 3000

/**
 * A client whose calls are refused, answered late or never, whose watches lag and end, and whose owner may crash right
 * after a write. What was written stays written: only the writer may not know.
 */
export function faultyClient(client: Client, options: FaultOptions): Client {
  const { clock, random, isActive, isDead, crash, onLostWrite } = options
  const happens = (chance: number) => isActive() && random.next() < chance
  const dead = () => serviceUnavailable('the component has crashed')

  /** `written`: the resource of a write. */
  async function call<Answer>(written: Resource | undefined, run: () => Promise<Answer>): Promise<Answer> {
    if (happens(chances.delayedCall)) await sleep(clock, random.next() * maxCallDelayMs)
    if (isDead()) throw dead()
    if (happens(chances.refused)) throw serviceUnavailable('the API server is overloaded')
    const answer = await run()
    if (written && happens(chances.crashAfterWrite)) crash()
    if (isDead()) throw dead()
    if (!happens(chances.answerLost)) return answer
    if (written) onLostWrite(written)
    throw timeoutError('the answer was lost', 0)
  }

  async function* watch<T extends KubernetesObject>(
    resource: Resource<T>,
    watchOptions: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    if (isDead()) throw dead()
    for await (const event of client.watch(resource, watchOptions)) {
      if (happens(chances.delayedEvent)) await sleep(clock, random.next() * maxEventDelayMs)
      if (isDead()) throw dead()
      if (happens(chances.watchEnds)) return
      yield event
    }
  }

  const through = <Method extends (...args: never[]) => Promise<unknown>>(
    method: Method,
    isWrite: boolean,
  ): Method => {
    const faulty = (...args: Parameters<Method>) => {
      const [resource] = args as unknown as readonly [Resource]
      return call(isWrite ? resource : undefined, () => Reflect.apply(method, client, args))
    }
    return faulty as unknown as Method
  }
  return {
    get: through(client.get, false),
    list: through(client.list, false),
    getSubresource: through(client.getSubresource, false),
    raw: through(client.raw, false),
    watch,
    create: through(client.create, true),
    update: through(client.update, true),
    patch: through(client.patch, true),
    delete: through(client.delete, true),
    deleteCollection: through(client.deleteCollection, true),
    createSubresource: through(client.createSubresource, true),
    updateSubresource: through(client.updateSubresource, true),
  }
}
