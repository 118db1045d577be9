import type { ByteSink } from '../runtime/runtime.ts'

/** Copies to the end, no faster than the sink takes it, and ends the sink. What breaks off ends quietly: both sides know. */
export async function pump(
  source: AsyncIterable<Uint8Array> | undefined,
  sink: ByteSink | undefined,
): Promise<void> {
  if (!source) {
    await sink?.end().catch(() => undefined)
    return
  }
  try {
    for await (const chunk of source) await sink?.write(chunk)
  } catch {
    // The reader or the writer is gone; what remains is of no use to anybody.
  } finally {
    await sink?.end().catch(() => undefined)
  }
}
