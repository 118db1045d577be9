import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Figure } from './figure.ts'
import type { Commit, Machine, Versions } from './machine.ts'

/** One run: a line of bench/history/figures.jsonl. */
export interface HistoryEntry {
  /** ISO 8601. */
  readonly date: string
  readonly versions: Versions
  readonly commit?: Commit
  readonly machine: Machine
  /** Load average over a minute at the start and at the end, and what a durable write of 4 KB takes. */
  readonly conditions: { readonly load: readonly [number, number]; readonly syncMs: number }
  readonly groups: readonly HistoryGroup[]
}

export interface HistoryGroup {
  readonly group: string
  readonly seconds: number
  /** See `contention` in machine.ts; the greater one of before and after. */
  readonly contention: number
  /** Why not all figures are there. */
  readonly failure?: string
  readonly figures: readonly (Figure & { readonly met?: boolean })[]
}

const historyFile = join(import.meta.dirname, 'history/figures.jsonl')

export function appendHistory(entry: HistoryEntry): void {
  mkdirSync(dirname(historyFile), { recursive: true })
  appendFileSync(historyFile, `${JSON.stringify(entry)}\n`)
}

/** Finds the latest value of a figure on a machine of the same kind. */
export function lastValues(on: Machine): (group: string, figure: string) => number | undefined {
  const entries = readHistory().filter(
    ({ machine }) => machine.processor === on.processor && machine.cores === on.cores,
  )
  const values = new Map<string, number>()
  for (const { groups } of entries) {
    for (const { group, figures } of groups) {
      for (const { name, value } of figures) values.set(`${group}/${name}`, value)
    }
  }
  return (group, figure) => values.get(`${group}/${figure}`)
}

function readHistory(): HistoryEntry[] {
  if (!existsSync(historyFile)) return []
  const lines = readFileSync(historyFile, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as HistoryEntry)
}
