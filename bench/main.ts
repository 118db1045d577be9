/**
 * Measures k8ts on this machine: `npm run bench [-- NAME...] [--directory DIR] [--no-history]`. NAMEs are those of
 * figures/order.ts, all when none is given. DIR, the system's temporary folder when not given, decides which disk is
 * measured. Ends with 1 when something could not be measured; a bar that is missed is no failure.
 */
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { meets, type Figure, type FigureGroup } from './figure.ts'
import { figureGroups } from './figures/order.ts'
import type { GroupMessage } from './group-message.ts'
import { appendHistory, lastValues, type HistoryGroup } from './history.ts'
import { claimRun, clearEarlierRuns, runPrefix } from './leftovers.ts'
import { commit, load, machine, syncMs, versions, type Machine, type Versions } from './machine.ts'
import { formatTable, formatValue, type Section } from './table.ts'

const root = join(import.meta.dirname, '..')
/** From here on, times say more of the machine's other users than of k8ts; processor times still count. */
const contended = 1.2

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function chosenGroups(names: readonly string[]): readonly FigureGroup[] {
  const known = figureGroups.map(({ name }) => name)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) {
    throw new Error(`there are no figures called ${unknown.join(', ')}; there are ${known.join(', ')}`)
  }
  return names.length === 0 ? figureGroups : figureGroups.filter(({ name }) => names.includes(name))
}

async function measure(group: FigureGroup, folder: string): Promise<HistoryGroup> {
  const figures: Figure[] = []
  const contentions: number[] = []
  const failures: string[] = []
  const start = performance.now()
  const seconds = () => Math.round((performance.now() - start) / 100) / 10
  process.stderr.write(`measuring ${group.name} ...`)
  mkdirSync(folder)
  const child = fork(join(import.meta.dirname, 'group-process.ts'), [group.name, folder], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, TMPDIR: folder },
  })
  child.on('message', (message: GroupMessage) => {
    if (message.type === 'figure') figures.push(message.figure)
    if (message.type === 'contention') contentions.push(message.value)
    if (message.type === 'failure') failures.push(message.message)
  })
  const forward = (signal: NodeJS.Signals) => void child.kill(signal)
  process.on('SIGTERM', forward)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  process.off('SIGTERM', forward)
  if (code !== 0 && failures.length === 0) failures.push('its process ended early')
  process.stderr.write(` ${seconds()} s\n`)
  for (const failure of failures) process.stderr.write(`${group.name}: ${failure}\n`)
  return {
    group: group.name,
    seconds: seconds(),
    contention: Math.max(1, ...contentions),
    ...(failures.length > 0 && { failure: failures[0]!.split('\n')[0]! }),
    figures: figures.map((figure) => {
      const met = meets(figure)
      return { ...figure, ...(met !== undefined && { met }) }
    }),
  }
}

function heading(on: Machine, { k8ts, kubernetes, node, containerd, runc }: Versions): string {
  const memory = `${Math.round(on.memoryBytes / 2 ** 30)} GiB`
  return [
    `k8ts ${k8ts} (Kubernetes ${kubernetes}) on Node.js ${node}, containerd ${containerd ?? '-'}, runc ${runc ?? '-'}`,
    `${on.processor}, ${on.cores} cores, ${memory}, Linux ${on.kernel}`,
  ].join('\n')
}

async function main(): Promise<number> {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: { directory: { type: 'string' }, 'no-history': { type: 'boolean' } },
  })
  const groups = chosenGroups(positionals)
  const [on, installed] = [machine(), versions()]
  const last = lastValues(on)
  const directory = options.directory ?? tmpdir()
  await clearEarlierRuns(directory)
  const folder = mkdtempSync(join(directory, runPrefix))
  claimRun(folder)
  const measured: HistoryGroup[] = []
  const skipped: string[] = []
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => (interrupted = true))
  const before = { load: load(), syncMs: syncMs(folder) }
  try {
    for (const group of groups) {
      const obstacle = group.obstacle?.()
      if (obstacle !== undefined) skipped.push(`${group.name} is not measured: ${obstacle}.`)
      else if (!interrupted) measured.push(await measure(group, join(folder, group.name)))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  if (interrupted) return 130

  const after = load()
  const sections = measured.map(({ group, figures, contention }): Section => ({
    title:
      contention > contended
        ? `${group} (others ran: it took ${contention.toFixed(1)} times as long)`
        : group,
    rows: figures.map((figure) => ({ figure, last: last(group, figure.name) })),
  }))
  say(`\n${heading(on, installed)}`)
  say(
    `load average ${before.load} before, ${after} after; a durable write of 4 KB takes ${formatValue(before.syncMs, 'ms')}\n`,
  )
  say(formatTable(sections))
  if (skipped.length > 0) say(`\n${skipped.join('\n')}`)
  const barred = measured.flatMap(({ figures }) => figures.filter(({ bar }) => bar))
  say(`\n${barred.filter(meets).length} of ${barred.length} bars met.`)

  if (!options['no-history'] && measured.length > 0) {
    const at = commit(root)
    appendHistory({
      date: new Date().toISOString(),
      versions: installed,
      ...(at && { commit: at }),
      machine: on,
      conditions: { load: [before.load, after], syncMs: before.syncMs },
      groups: measured,
    })
  }
  return measured.some(({ failure }) => failure !== undefined) ? 1 : 0
}

process.exitCode = await main()
