import type { Pod } from '../../api/generated/core.v1.ts'
import type { ExtenderConfiguration } from '../configuration/configuration.ts'
import type { PluginHandle, Refusal } from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import { createExtenderClient } from './extender-client.ts'

/** Programs that have a say over HTTP. Their messages are those of k8s.io/kube-scheduler/extender/v1. */
export interface Extenders {
  /** Whether some extender is to be asked about this pod. */
  concern(pod: PodInfo): boolean
  /** The nodes that every extender lets through, and why not the others. */
  filter(
    pod: PodInfo,
    nodeNames: readonly string[],
  ): Promise<{ readonly nodeNames: readonly string[]; readonly refusals: ReadonlyMap<string, Refusal> }>
  /** What the extenders' scores add to each node's sum. */
  prioritize(pod: PodInfo, nodeNames: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Whether some extender has a say about which pods go to make room for this one. */
  preempts(pod: PodInfo): boolean
  /**
   * What the extenders leave of the room that could be made for a pod, or make of it. Rejects when one fails that may not
   * be passed over.
   */
  processPreemption(pod: PodInfo, victims: VictimsByNode): Promise<VictimsByNode>
  /** Binds the pod where an extender does that; false leaves it to the plugins. */
  bind(pod: PodInfo, nodeName: string): Promise<boolean>
}

/** Who would have to go from which node. */
export type VictimsByNode = ReadonlyMap<string, Victims>

export interface Victims {
  readonly pods: readonly PodInfo[]
  /** How many of them a disruption budget would rather keep. */
  readonly budgetViolations: number
}

/** Extenders score from 0 to 10, plugins from 0 to 100. */
const scoreFactor = 10

interface FilterResult {
  readonly Nodes?: {
    readonly items?: readonly { readonly metadata?: { readonly name?: string } }[] | null
  } | null
  readonly NodeNames?: readonly string[] | null
  readonly FailedNodes?: Readonly<Record<string, string>> | null
  readonly FailedAndUnresolvableNodes?: Readonly<Record<string, string>> | null
  readonly Error?: string
}

/** Extenders name pods by their uid, whatever they were told. */
interface PreemptionResult {
  readonly NodeNameToMetaVictims?: Readonly<Record<string, MetaVictims | null>> | null
}

interface MetaVictims {
  readonly Pods?: readonly ({ readonly UID?: string } | null)[] | null
  readonly NumPDBViolations?: number
}

export function createExtenders(
  configurations: readonly ExtenderConfiguration[],
  { nodes, log }: Pick<PluginHandle, 'nodes' | 'log'>,
): Extenders {
  const extenders = configurations.map((configuration) => ({
    configuration,
    ask: createExtenderClient(configuration),
    managed: new Set(configuration.managedResources?.map(({ name }) => name)),
  }))
  const concerning = (pod: PodInfo) => extenders.filter(({ managed }) => isInterested(pod.pod, managed))

  /** Nodes as the extender wants them: names when it keeps nodes itself, else the whole objects. */
  function nodesFor({ nodeCacheCapable }: ExtenderConfiguration, names: readonly string[]) {
    if (nodeCacheCapable) return { NodeNames: names }
    const items = names.flatMap((name) => {
      const index = nodes.indexOf(name)
      return index === undefined ? [] : [nodes.nodes[index]!]
    })
    return { Nodes: { apiVersion: 'v1', kind: 'NodeList', metadata: {}, items } }
  }

  /** The pods meant by an answer. Throws when it speaks of nodes or pods that are not there. */
  function victimsIn({ NodeNameToMetaVictims: named }: PreemptionResult, extender: string): VictimsByNode {
    const found = new Map<string, Victims>()
    for (const [nodeName, meta] of Object.entries(named ?? {})) {
      const node = nodes.indexOf(nodeName)
      if (node === undefined) throw new Error(`nodeinfo not found for node name "${nodeName}"`)
      const placed = new Map([...nodes.pods[node]!.values()].map((info) => [info.uid, info]))
      const pods = (meta?.Pods ?? []).map((one) => {
        const info = placed.get(one?.UID ?? '')
        if (info) return info
        throw new Error(
          `extender: ${extender} claims to preempt pod (UID: ${one?.UID ?? ''}) on node: ${nodeName}, but the pod is not found on that node`,
        )
      })
      found.set(nodeName, { pods, budgetViolations: meta?.NumPDBViolations ?? 0 })
    }
    return found
  }

  return {
    concern: (pod) => extenders.length > 0 && concerning(pod).length > 0,

    async filter(pod, nodeNames) {
      const refusals = new Map<string, Refusal>()
      let left = nodeNames
      for (const { configuration, ask } of concerning(pod)) {
        if (!configuration.filterVerb || left.length === 0) continue
        const question = { Pod: pod.pod, ...nodesFor(configuration, left) }
        let answer: FilterResult
        try {
          answer = (await ask(configuration.filterVerb, question)) as FilterResult
          if (answer.Error) throw new Error(answer.Error)
        } catch (error) {
          if (!configuration.ignorable) throw error
          log.warn('an extender failed and is passed over', { extender: configuration.urlPrefix, error })
          continue
        }
        for (const [name, reason] of Object.entries(answer.FailedNodes ?? {}))
          refusals.set(name, { reasons: [reason] })
        for (const [name, reason] of Object.entries(answer.FailedAndUnresolvableNodes ?? {}))
          refusals.set(name, { reasons: [reason], unresolvable: true })
        left = answer.NodeNames ?? (answer.Nodes?.items ?? []).map(({ metadata }) => metadata?.name ?? '')
      }
      return { nodeNames: left, refusals }
    },

    async prioritize(pod, nodeNames) {
      const sums = new Map<string, number>()
      for (const { configuration, ask } of concerning(pod)) {
        const { prioritizeVerb, weight = 0 } = configuration
        if (!prioritizeVerb) continue
        try {
          const question = { Pod: pod.pod, ...nodesFor(configuration, nodeNames) }
          const scores = (await ask(prioritizeVerb, question)) as readonly { Host: string; Score: number }[]
          for (const { Host, Score } of scores)
            sums.set(Host, (sums.get(Host) ?? 0) + Score * weight * scoreFactor)
        } catch (error) {
          // A preference that cannot be had is no reason not to schedule.
          log.warn('an extender did not score', { extender: configuration.urlPrefix, error })
        }
      }
      return sums
    },

    preempts: (pod) =>
      extenders.length > 0 && concerning(pod).some(({ configuration }) => configuration.preemptVerb),

    async processPreemption(pod, victims) {
      let left = victims
      for (const { configuration, ask } of concerning(pod)) {
        const { preemptVerb, nodeCacheCapable, ignorable, urlPrefix } = configuration
        if (!preemptVerb || left.size === 0) continue
        const question = {
          Pod: pod.pod,
          NodeNameToVictims: nodeCacheCapable ? null : wholeVictims(left),
          NodeNameToMetaVictims: nodeCacheCapable ? metaVictims(left) : null,
        }
        try {
          const answer = (await ask(preemptVerb, question)) as PreemptionResult
          left = withoutVictimless(victimsIn(answer, urlPrefix), ignorable ?? false)
        } catch (error) {
          if (!ignorable) throw error
          log.warn('an extender failed and is passed over', { extender: urlPrefix, error })
        }
      }
      return left
    },

    async bind(pod, nodeName) {
      const binder =
        extenders.length > 0 && concerning(pod).find(({ configuration }) => configuration.bindVerb)
      if (!binder) return false
      const { namespace, name } = pod.pod.metadata ?? {}
      const question = { PodName: name, PodNamespace: namespace, PodUID: pod.uid, Node: nodeName }
      const answer = (await binder.ask(binder.configuration.bindVerb!, question)) as {
        readonly Error?: string
      }
      if (answer.Error) throw new Error(answer.Error)
      return true
    },
  }
}

const wholeVictims = (victims: VictimsByNode) =>
  mapped(victims, ({ pods, budgetViolations }) => ({
    Pods: pods.map(({ pod }) => pod),
    NumPDBViolations: budgetViolations,
  }))

const metaVictims = (victims: VictimsByNode) =>
  mapped(victims, ({ pods, budgetViolations }) => ({
    Pods: pods.map(({ uid }) => ({ UID: uid })),
    NumPDBViolations: budgetViolations,
  }))

function mapped(victims: VictimsByNode, told: (of: Victims) => object): Record<string, object> {
  return Object.fromEntries([...victims].map(([nodeName, of]) => [nodeName, told(of)]))
}

/** Room is never made by removing nobody; where an extender may be passed over, so may what it says of such a node. */
function withoutVictimless(victims: VictimsByNode, isLenient: boolean): VictimsByNode {
  const left = new Map(victims)
  for (const [nodeName, { pods }] of victims) {
    if (pods.length > 0) continue
    if (!isLenient) throw new Error(`expected at least one victim pod on node "${nodeName}"`)
    left.delete(nodeName)
  }
  return left
}

/** One without managed resources has a say about every pod, others about those that request or limit one of theirs. */
function isInterested({ spec }: Pod, managed: ReadonlySet<string>): boolean {
  if (managed.size === 0) return true
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].some(({ resources }) =>
    [resources?.requests, resources?.limits].some((list) =>
      Object.keys(list ?? {}).some((name) => managed.has(name)),
    ),
  )
}
