import { writeSync } from 'node:fs'
import { systemClock } from '../../../machinery/clock.ts'
import { silentLogger } from '../../../machinery/log.ts'
import { defaultHistoryLimits } from '../../mvcc/retention.ts'
import { bytes, noise } from '../../testing/store-fixture.ts'
import { EmbeddedStore } from '../embedded-store.ts'

/**
 * Run as a process of its own: opens the store in a directory and says `open`, then does its task.
 * `write`: changes the store until it is killed, and prints every acknowledged change as a line of JSON.
 * `churn`: the same with large values and a short history, so that files are replaced all the time.
 * `fill`: writes until the disk refuses, prints what the error said, and closes the store.
 * `hold`: nothing.
 */
export interface Acknowledged {
  readonly type: 'put' | 'delete'
  readonly key: string
  readonly revision: string
  /** Its first 800 characters. */
  readonly value?: string
}

const [directory, task] = process.argv.slice(2)
const store = await EmbeddedStore.open({
  directory: directory!,
  clock: systemClock,
  log: silentLogger,
  ...(task === 'churn' && { historyLimits: { ...defaultHistoryLimits, events: 20 } }),
})
say('open')
if (task === 'write' || task === 'churn')
  await Promise.all(Array.from({ length: 8 }, (_, writer) => writeForEver(writer)))
else if (task === 'fill') await fill()
else process.stdin.resume()

async function writeForEver(writer: number): Promise<never> {
  for (let round = 0; ; round++) {
    const key = `/registry/${writer}/${round % 16}`
    const value = `${process.pid} ${writer} ${round} ${contentOf(writer, round)}`
    const found = await store.get(key)
    if (found && round % 5 === 0) {
      acknowledge({ type: 'delete', key, revision: String(await store.delete(key, found.revision)) })
    } else {
      const write = found ? store.update(key, bytes(value), found.revision) : store.create(key, bytes(value))
      acknowledge({ type: 'put', key, value: value.slice(0, 800), revision: String((await write).revision) })
    }
  }
}

function contentOf(writer: number, round: number): string {
  if (task !== 'churn') return 'x'.repeat(round % 700)
  // Of what is kept compressed, some too.
  return writer % 4 === 0 ? 'x'.repeat(60_000) : noise(60_000, round)
}

async function fill(): Promise<void> {
  for (let count = 0; ; count++) {
    try {
      await store.create(`/registry/${count}`, new Uint8Array(3000))
    } catch (error) {
      const { entries } = await store.list('/registry/')
      say(JSON.stringify({ acknowledged: count, visible: entries.length, error: String(error) }))
      await store.close()
      return
    }
  }
}

function acknowledge(change: Acknowledged): void {
  say(JSON.stringify(change))
}

/** Synchronously: what is said is said, whenever the process ends. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}
