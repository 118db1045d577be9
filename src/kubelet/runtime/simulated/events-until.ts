import type { RuntimeEvent } from '../runtime.ts'

/** Tells each pod in which something has happened once, however often it has, until the signal aborts. */
export async function* eventsUntil(
  signal: AbortSignal,
  listeners: Set<(event: RuntimeEvent) => void>,
): AsyncIterable<RuntimeEvent> {
  const queue = new Map<string, RuntimeEvent>()
  let notify = () => {}
  const listener = (event: RuntimeEvent) => {
    queue.set(event.podUID, event)
    notify()
  }
  const onAbort = () => notify()
  listeners.add(listener)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    while (!signal.aborted) {
      if (queue.size === 0) {
        await new Promise<void>((resolve) => {
          notify = resolve
        })
      }
      const events = [...queue.values()]
      queue.clear()
      yield* events
    }
  } finally {
    listeners.delete(listener)
    signal.removeEventListener('abort', onAbort)
  }
}
