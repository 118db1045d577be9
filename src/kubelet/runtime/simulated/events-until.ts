import type { RuntimeEvent } from '../runtime.ts'

type PodChanged = Extract<RuntimeEvent, { readonly type: 'podChanged' }>

/** Tells each pod in which something has happened once, however often it has, until the signal aborts. */
export async function* eventsUntil(
  signal: AbortSignal,
  listeners: Set<(podUID: string) => void>,
): AsyncIterable<RuntimeEvent> {
  const queue = new Map<string, PodChanged>()
  let notify = () => {}
  const listener = (podUID: string) => {
    queue.set(podUID, { type: 'podChanged', podUID })
    notify()
  }
  const onAbort = () => notify()
  listeners.add(listener)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    yield { type: 'subscribed' }
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
