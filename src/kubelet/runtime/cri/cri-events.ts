import { sleep, type Clock } from '../../../machinery/clock.ts'
import type { RuntimeEvent } from '../runtime.ts'
import type { CriConnection } from './cri-connection.ts'
import { RuntimeService } from './generated/api_pb.ts'

/** A runtime that cannot tell says so at once; one that can says nothing until something happens. */
const silenceMs = 1000

/** What a runtime tells by CRI's GetContainerEvents. Rejects with a RuntimeError: `unimplemented` where it cannot. */
export async function* criEvents(
  connection: CriConnection,
  clock: Clock,
  signal: AbortSignal,
): AsyncIterable<RuntimeEvent> {
  const stream = connection.stream(RuntimeService.method.getContainerEvents, {}, signal)
  const events = stream[Symbol.asyncIterator]()
  try {
    let next = events.next()
    await Promise.race([next, sleep(clock, silenceMs, signal)]).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
    yield { type: 'subscribed' }
    for (let answer = await next; !answer.done; answer = await next) {
      const podUID = answer.value.podSandboxStatus?.metadata?.uid
      if (podUID) yield { type: 'podChanged', podUID }
      next = events.next()
    }
  } finally {
    await events.return?.(undefined)
  }
}
