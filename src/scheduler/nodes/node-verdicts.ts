import type { NodeFindings, NodeRefusals, Refusal } from '../framework.ts'
import type { NodeTable } from './node-table.ts'

/** By which filter, and why, a node was refused. */
export interface Verdict {
  readonly plugin: string
  readonly refusal: Refusal
}

interface CountedVerdict extends Verdict {
  readonly key: string
  nodeCount: number
}

/**
 * What filters said of nodes for pods of one sort, kept until something changes on the node: a full cluster is looked at
 * once, not once for each pod that does not fit.
 */
export class NodeVerdicts implements NodeRefusals {
  /** Nodes not known to be refused, in no particular order. */
  readonly open: number[] = []
  /** What post-filters found out. */
  readonly findings: NodeFindings
  readonly #table: NodeTable
  readonly #positions: number[] = []
  readonly #fits: boolean[] = []
  readonly #refused: (CountedVerdict | undefined)[] = []
  readonly #verdicts = new Map<string, CountedVerdict>()
  readonly #found: unknown[] = []
  #plugins: ReadonlySet<string> = new Set()
  #changesSeen: number

  constructor(table: NodeTable) {
    this.#table = table
    this.#changesSeen = table.changeCount
    this.findings = {
      get: (node) => this.#found[node],
      set: (node, finding) => void (this.#found[node] = finding),
    }
    this.#openAll()
  }

  /** Forgets what it knew of nodes that have changed since. */
  refresh(): void {
    const table = this.#table
    if (table.changeCount === this.#changesSeen) return
    if (!table.changedSince(this.#changesSeen, (node) => this.#forget(node))) {
      this.#verdicts.clear()
      for (const column of [this.open, this.#positions, this.#fits, this.#refused, this.#found])
        column.length = 0
      this.#openAll()
    }
    this.#changesSeen = table.changeCount
  }

  /** Undefined when it is not known. */
  known(node: number): Verdict | 'fits' | undefined {
    return this.#fits[node] ? 'fits' : this.#refused[node]
  }

  keepFitting(node: number): void {
    this.#fits[node] = true
  }

  /** Leaves `open` as it is, for whoever goes through it: `close` is to follow. */
  keepRefused(node: number, { plugin, refusal }: Verdict): Verdict {
    const key = `${plugin} ${refusal.unresolvable ?? false} ${refusal.reasons.join()}`
    let verdict = this.#verdicts.get(key)
    if (!verdict) this.#verdicts.set(key, (verdict = { plugin, refusal, key, nodeCount: 0 }))
    verdict.nodeCount++
    this.#refused[node] = verdict
    return verdict
  }

  /** Takes refused nodes from `open`. */
  close(nodes: readonly number[]): void {
    for (const node of nodes) this.#leaveOpen(node)
  }

  of(node: number): Refusal | undefined {
    return this.#refused[node]?.refusal
  }

  *counts(): Generator<readonly [Refusal, number]> {
    for (const { refusal, nodeCount } of this.#verdicts.values()) yield [refusal, nodeCount]
  }

  /** The plugins that refused some node; the same set as long as they are the same. */
  plugins(): ReadonlySet<string> {
    const now = new Set<string>()
    for (const { plugin } of this.#verdicts.values()) now.add(plugin)
    if (now.symmetricDifference(this.#plugins).size > 0) this.#plugins = now
    return this.#plugins
  }

  #openAll(): void {
    for (const node of this.#table.indexes) this.#enterOpen(node)
  }

  #forget(node: number): void {
    this.#fits[node] = false
    this.#found[node] = undefined
    const verdict = this.#refused[node]
    if (verdict) {
      this.#refused[node] = undefined
      if (--verdict.nodeCount === 0) this.#verdicts.delete(verdict.key)
    }
    if (this.#table.nodes[node]) this.#enterOpen(node)
    else this.#leaveOpen(node)
  }

  #enterOpen(node: number): void {
    if (this.#positions[node] !== undefined && this.#positions[node] >= 0) return
    this.#positions[node] = this.open.length
    this.open.push(node)
  }

  #leaveOpen(node: number): void {
    const position = this.#positions[node] ?? -1
    if (position < 0) return
    this.#positions[node] = -1
    const last = this.open.pop()!
    if (last === node) return
    this.open[position] = last
    this.#positions[last] = position
  }
}

/** Sorts of pods remembered; the one unused for longest goes first. */
const maxSorts = 32

/** The verdicts of each sort of pod. */
export class VerdictCache {
  readonly #table: NodeTable
  readonly #sorts = new Map<string, NodeVerdicts>()

  constructor(table: NodeTable) {
    this.#table = table
  }

  /** Up to date; `sort` names all that the verdicts depend on beside nodes and the pods on them. */
  of(sort: string): NodeVerdicts {
    let verdicts = this.#sorts.get(sort)
    if (verdicts) this.#sorts.delete(sort)
    else verdicts = new NodeVerdicts(this.#table)
    this.#sorts.set(sort, verdicts)
    if (this.#sorts.size > maxSorts) this.#sorts.delete(this.#sorts.keys().next().value!)
    verdicts.refresh()
    return verdicts
  }
}
