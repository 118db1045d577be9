import type { NodeFilter, NodeFindings } from './framework.ts'
import type { NodeTable } from './nodes/node-table.ts'
import type { NodeVerdicts, Verdict, VerdictCache } from './nodes/node-verdicts.ts'
import type { NominatedPods } from './nominated-pods.ts'
import type { Profile } from './profile.ts'
import type { PodInfo } from './pod-info.ts'

export interface CheckerInput {
  readonly nodes: NodeTable
  readonly profile: Profile
  readonly nominated: NominatedPods
  readonly verdicts: VerdictCache
}

/** Asks of single nodes what a pod's filters say, nominated pods considered. */
export interface NodeChecker {
  check(node: number): Verdict | undefined
  /** Whether `check` finds nothing, at less cost. */
  fits(node: number): boolean
  /** The same with the table as it is then, not as it was when the checker was made. */
  recheck(node: number): Verdict | undefined
  /** When set, only these nodes can fit, by the word of this plugin. */
  readonly restriction?: {
    readonly plugin: string
    readonly filter: NodeFilter
    readonly only: readonly number[]
  }
  /** What is known of nodes from the filters that come first and depend on the node alone. */
  readonly verdicts: NodeVerdicts | undefined
  /** Set when all filters are such. */
  readonly findings: NodeFindings | undefined
}

interface ActiveFilter {
  readonly plugin: string
  readonly filter: NodeFilter
}

type Compiled = readonly ActiveFilter[] | Verdict

/** What each plugin asks of a node for this pod, or the first refusal of the pod itself. */
function compile(pod: PodInfo, { nodes, profile }: CheckerInput): Compiled {
  const filters: ActiveFilter[] = []
  for (const { plugin } of profile.points.filter) {
    const filter = plugin.filter?.(pod, nodes)
    if (!filter) continue
    if ('refusesPod' in filter) return { plugin: plugin.name, refusal: filter.refusesPod }
    filters.push({ plugin: plugin.name, filter })
  }
  return filters
}

/** A checker of nodes for a pod, or why the pod itself is refused. */
export function createChecker(pod: PodInfo, input: CheckerInput): NodeChecker | Verdict {
  const { nodes, nominated, profile } = input
  const filters = compile(pod, input)
  if ('refusal' in filters) return filters
  const restricting = filters.find(({ filter }) => filter.only)
  const firstOther = filters.findIndex(({ filter }) => filter.localKey === undefined)
  const localCount = firstOther < 0 ? filters.length : firstOther
  const local = filters.slice(0, localCount)
  const rest = filters.slice(localCount)
  const isSnapshot = rest.some(({ filter }) => filter.isSnapshot)
  const ownNode = nodes.indexOf(nominated.nodeOf(pod.key) ?? '')
  const verdicts =
    local.length === 0 || restricting ? undefined : input.verdicts.of(sortOf(pod, profile, local))

  /** A node must do both with the nominated pods and without them: they may never arrive. */
  function considerNominated(
    node: number,
    among: readonly ActiveFilter[],
    isFresh: boolean,
  ): Verdict | undefined {
    if (among.length === 0) return undefined
    const coming = nominated.size > 0 ? nominated.before(pod, nameOf(node, nodes)) : []
    if (coming.length > 0) {
      const nodeName = nameOf(node, nodes)
      const refused = nodes.trial(() => {
        for (const other of coming) nodes.addPod(other, nodeName)
        try {
          return firstRefusal(isSnapshot && among !== local ? compile(pod, input) : among, node)
        } finally {
          for (const { key } of coming) nodes.removePod(key)
        }
      })
      if (refused) return refused
    }
    return firstRefusal(isFresh && isSnapshot && among !== local ? compile(pod, input) : among, node)
  }

  function checkLocal(node: number): Verdict | undefined {
    // Its own nomination does not stand in its way, though it does in the way of its like.
    if (!verdicts || node === ownNode) return considerNominated(node, local, false)
    const known = verdicts.known(node)
    if (known) return known === 'fits' ? undefined : known
    const refused = considerNominated(node, local, false)
    if (refused) return verdicts.keepRefused(node, refused)
    verdicts.keepFitting(node)
    return undefined
  }

  function fitsRest(node: number): boolean {
    if (nominated.size > 0) return considerNominated(node, rest, false) === undefined
    for (let index = 0; index < rest.length; index++) if (!rest[index]!.filter.fits(node)) return false
    return true
  }

  return {
    fits: (node) => checkLocal(node) === undefined && fitsRest(node),
    check: (node) => checkLocal(node) ?? considerNominated(node, rest, false),
    recheck: (node) => considerNominated(node, filters, true),
    ...(restricting && { restriction: { ...restricting, only: restricting.filter.only! } }),
    verdicts,
    findings: rest.length === 0 ? verdicts && findingsBut(ownNode, verdicts.findings) : undefined,
  }
}

/** What holds for its like does not hold for a pod on the node that room is kept on for it. */
function findingsBut(ownNode: number | undefined, { get, set }: NodeFindings): NodeFindings {
  return {
    get: (node) => (node === ownNode ? undefined : get(node)),
    set: (node, finding) => void (node !== ownNode && set(node, finding)),
  }
}

function sortOf({ priority }: PodInfo, { schedulerName }: Profile, filters: readonly ActiveFilter[]): string {
  let sort = `${schedulerName} ${priority}`
  for (const { plugin, filter } of filters) sort += `\n${plugin} ${filter.localKey}`
  return sort
}

function firstRefusal(filters: Compiled, node: number): Verdict | undefined {
  if ('refusal' in filters) return filters
  for (const { plugin, filter } of filters) {
    if (!filter.fits(node)) return { plugin, refusal: filter.refusal(node) }
  }
  return undefined
}

export function nameOf(node: number, nodes: NodeTable): string {
  return nodes.nodes[node]!.metadata?.name ?? ''
}
