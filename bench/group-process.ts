/**
 * Measures one group: `group-process.ts NAME FOLDER`, started by main.ts. A process of its own, so that no group finds
 * memory, compiled code or timers of another.
 */
import type { Bench } from './figure.ts'
import { figureGroups } from './figures/order.ts'
import type { GroupMessage } from './group-message.ts'
import { contention } from './machine.ts'

const [name, folder] = process.argv.slice(2)
const group = figureGroups.find((one) => one.name === name)
if (!group || folder === undefined) throw new Error('usage: group-process.ts NAME FOLDER')

const ends: (() => void | Promise<void>)[] = []
const bench: Bench = {
  folder,
  add: (figure) => tell({ type: 'figure', figure }),
  defer: (end) => void ends.push(end),
}

function tell(message: GroupMessage): void {
  process.send?.(message)
}

/** Ends everything that was started. What cannot be ended is said, and keeps nothing else from ending. */
async function endAll(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) {
    try {
      await end()
    } catch (error) {
      tell({ type: 'failure', message: `ending: ${(error as Error).message}` })
    }
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void endAll().then(() => process.exit(1)))
}

tell({ type: 'contention', value: contention() })
try {
  await group.measure(bench)
} catch (error) {
  tell({ type: 'failure', message: (error as Error).stack ?? String(error) })
}
await endAll()
tell({ type: 'contention', value: contention() })
process.disconnect?.()
process.exit()
