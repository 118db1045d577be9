import type { Pod } from '../api/generated/core.v1.ts'
import { isNotFound } from '../machinery/status-errors.ts'
import {
  chooseNode,
  failureOf,
  findNodes,
  type DecisionInput,
  type Diagnosis,
  type Search,
} from './decide.ts'
import { diagnosisMessage, withRefusals } from './diagnosis.ts'
import type { Failure, Plugin, PluginHandle, Refusal, Remedy } from './framework.ts'
import { createChecker, nameOf, type NodeChecker } from './node-checker.ts'
import { VerdictCache } from './nodes/node-verdicts.ts'
import { patchPodStatus, reportWaiting } from './pod-status.ts'
import { pluginsAt, type Profile } from './profile.ts'
import type { PodInfo } from './pod-info.ts'
import { schedulerMetrics } from './scheduler-metrics.ts'
import type { QueuedPod, SchedulingQueue } from './scheduling-queue.ts'

export interface SchedulingCycleOptions {
  readonly handle: PluginHandle
  readonly queue: SchedulingQueue
  /** The newest version of a pod. */
  currentPod(key: string): Pod | undefined
}

/** A pod was refused on its way to a node that it had been given. */
class PlacementRefused extends Error {
  readonly plugin: string

  constructor(plugin: string, message: string) {
    super(message)
    this.plugin = plugin
  }
}

/**
 * What happens to one pod: the scheduling cycle chooses a node and reserves it, one pod at a time; the binding cycle
 * waits, prepares and binds, many at a time.
 */
export function createSchedulingCycle(options: SchedulingCycleOptions) {
  const { handle, queue, currentPod } = options
  const { extenders, nodes, nominated, random, clock, client, events, log, waiting } = handle
  const counts = schedulerMetrics(handle.metrics)
  /** Pods placed by a decision whose binding the cache has not shown yet. */
  const assumed = new Set<string>()
  const binding = new Set<Promise<void>>()
  const abort = new AbortController()
  const cursor = { position: 0 }
  const verdicts = new VerdictCache(nodes)

  /** Chooses a node for a pod; a promise only where extenders are asked. */
  function run(queued: QueuedPod, profile: Profile): Promise<void> | void {
    const startedAtMs = clock.monotonic()
    const input: DecisionInput = { nodes, profile, random, nominated, cursor, verdicts }
    const failed = (error: unknown) => {
      counts.attempt(profile.schedulerName, 'error', clock.monotonic() - startedAtMs)
      log.error('a decision failed', { pod: queued.pod.key, error })
      queue.retry(queued)
      void report(queued.pod, 'SchedulerError', error instanceof Error ? error.message : String(error))
    }
    try {
      const { pod } = queued
      const search = findNodes(pod, input)
      if (search.type === 'refused')
        return refuse(queued, search.diagnosis, search.checker, input, startedAtMs)?.catch(failed)
      if (!extenders.concern(pod)) {
        return assume(queued, profile, nameOf(chooseNode(pod, search.feasible, input), nodes), startedAtMs)
      }
      return runExtenders(queued, search, input, startedAtMs).catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  async function runExtenders(
    queued: QueuedPod,
    { feasible, refusals, checker }: Extract<Search, { readonly type: 'found' }>,
    input: DecisionInput,
    startedAtMs: number,
  ): Promise<void> {
    const { pod } = queued
    const names = feasible.map((node) => nameOf(node, nodes))
    const answer = await extenders.filter(pod, names)
    const indexes = answer.nodeNames.flatMap((name) => nodes.indexOf(name) ?? [])
    if (indexes.length === 0) {
      const further = new Map<number, Refusal>()
      for (const [name, refusal] of answer.refusals) {
        const node = nodes.indexOf(name)
        if (node !== undefined) further.set(node, refusal)
      }
      const all = withRefusals(refusals, further)
      const diagnosis = { nodeCount: nodes.size, refusals: all, plugins: new Set<string>() }
      return refuse(queued, diagnosis, checker, input, startedAtMs)
    }
    const scores = await extenders.prioritize(
      pod,
      indexes.map((node) => nameOf(node, nodes)),
    )
    // The cluster may have changed while extenders were asked: only nodes that still fit are chosen from.
    const current = createChecker(pod, input)
    const fits = (node: number) => nodes.nodes[node] && !('refusal' in current) && !current.check(node)
    const fitting = indexes.filter(fits)
    if (fitting.length === 0) return queue.retry(queued)
    const extra = Float64Array.from(fitting, (node) => scores.get(nameOf(node, nodes)) ?? 0)
    assume(queued, input.profile, nameOf(chooseNode(pod, fitting, input, extra), nodes), startedAtMs)
  }

  /** Counts the pod on its node at once, and binds it while the next decisions are made. */
  function assume(queued: QueuedPod, profile: Profile, nodeName: string, startedAtMs: number): void {
    const { pod } = queued
    counts.decided(clock.monotonic() - startedAtMs)
    nodes.addPod(pod, nodeName)
    assumed.add(pod.key)
    nominated.delete(pod.key)
    const finish = (error: unknown) => giveUp(queued, profile, nodeName, startedAtMs, error)
    let permitted: Promise<void> | undefined
    try {
      reserve(pod, profile, nodeName)
      permitted = permit(pod, profile, nodeName)
    } catch (error) {
      void finish(error)
      return
    }
    const bound = bind(queued, profile, nodeName, permitted, startedAtMs)
      .catch(finish)
      .finally(() => binding.delete(bound))
    binding.add(bound)
  }

  function reserve(pod: PodInfo, profile: Profile, nodeName: string): void {
    for (const plugin of pluginsAt(profile, 'reserve')) {
      const refusal = plugin.reserve!(pod, nodeName)
      if (refusal) throw new PlacementRefused(plugin.name, refusal.reasons.join(', '))
    }
  }

  function permit(pod: PodInfo, profile: Profile, nodeName: string): Promise<void> | undefined {
    const waits = new Map<string, number>()
    for (const plugin of pluginsAt(profile, 'permit')) {
      const answer = plugin.permit!(pod, nodeName)
      if (answer.type === 'refused')
        throw new PlacementRefused(plugin.name, answer.refusal.reasons.join(', '))
      if (answer.type === 'wait') waits.set(plugin.name, answer.maxMs)
    }
    if (waits.size === 0) return undefined
    return waiting.wait(pod, nodeName, waits).then((result) => {
      if (result.type === 'refused') throw new PlacementRefused(result.plugin, result.reason)
    })
  }

  async function bind(
    queued: QueuedPod,
    profile: Profile,
    nodeName: string,
    permitted: Promise<void> | undefined,
    startedAtMs: number,
  ): Promise<void> {
    const { pod } = queued
    if (permitted) await permitted
    queue.done(queued)
    for (const plugin of pluginsAt(profile, 'preBind')) await plugin.preBind!(pod, nodeName, abort.signal)
    if (!(await extenders.bind(pod, nodeName))) await bindByPlugins(pod, profile, nodeName)
    counts.attempt(profile.schedulerName, 'scheduled', clock.monotonic() - startedAtMs)
    counts.scheduled(queued.attempts, clock.monotonic() - queued.addedAtMs)
    const message = `Successfully assigned ${pod.key} to ${nodeName}`
    events.event(pod.pod, 'Normal', 'Scheduled', message, { action: 'Binding' })
    for (const plugin of pluginsAt(profile, 'postBind')) plugin.postBind!(pod, nodeName)
  }

  async function bindByPlugins(pod: PodInfo, profile: Profile, nodeName: string): Promise<void> {
    for (const plugin of pluginsAt(profile, 'bind')) if (await plugin.bind!(pod, nodeName)) return
    throw new Error(`no plugin of profile ${profile.schedulerName} binds pods`)
  }

  /** Undoes an assumption that did not come true, and has the pod tried again. */
  async function giveUp(
    queued: QueuedPod,
    profile: Profile,
    nodeName: string,
    startedAtMs: number,
    error: unknown,
  ): Promise<void> {
    const { pod } = queued
    for (const plugin of pluginsAt(profile, 'reserve').toReversed()) plugin.unreserve?.(pod, nodeName)
    forget(pod, nodeName)
    if (isNotFound(error) || abort.signal.aborted) return
    const refused = error instanceof PlacementRefused
    counts.attempt(
      profile.schedulerName,
      refused ? 'unschedulable' : 'error',
      clock.monotonic() - startedAtMs,
    )
    if (refused) {
      queue.refuse(queued, new Set([error.plugin]))
      const message = diagnosisMessage(nodes.size, [[{ reasons: [error.message] }, 1]])
      return report(pod, 'Unschedulable', message)
    }
    log.warn('binding failed', { pod: pod.key, node: nodeName, error })
    queue.retry(queued)
    await report(
      pod,
      'SchedulerError',
      `binding rejected: ${error instanceof Error ? error.message : String(error)}`,
    )
  }

  function forget(pod: PodInfo, nodeName: string): void {
    if (!assumed.delete(pod.key)) return
    nodes.removePod(pod.key)
    queue.notice({ type: 'podRemoved', pod, nodeName })
  }

  function refuse(
    queued: QueuedPod,
    diagnosis: Diagnosis,
    checker: NodeChecker | undefined,
    input: DecisionInput,
    startedAtMs: number,
  ): Promise<void> | void {
    const { pod } = queued
    const { nodeCount, refusals, podRefusal, plugins } = diagnosis
    counts.attempt(input.profile.schedulerName, 'unschedulable', clock.monotonic() - startedAtMs)
    const message = diagnosisMessage(nodeCount, refusals.counts(), podRefusal)
    const finish = (remedies: string) => {
      queue.refuse(queued, plugins, checker?.findings && plugins)
      void report(pod, 'Unschedulable', message + remedies)
    }
    if (nodeCount === 0) return finish('')
    const failure = failureOf(pod, diagnosis, checker, input)
    const remedies = remedy(pod, failure, pluginsAt(input.profile, 'postFilter'))
    if (typeof remedies === 'string') finish(remedies)
    else return remedies.then(finish)
  }

  /** What post-filters do for a pod that fits nowhere, or say of it; `messages` are of those that were asked before. */
  function remedy(
    pod: PodInfo,
    failure: Failure,
    plugins: readonly Plugin[],
    messages: readonly string[] = [],
  ): string | Promise<string> {
    const [plugin, ...others] = plugins
    if (!plugin) return messages.join(',')
    const go = (result: Remedy) => {
      switch (result.type) {
        case 'nominated':
          nominate(pod, result.nodeName, result.done)
          return ''
        case 'failed':
          return ` ${result.message}`
        case 'none':
          if (!result.keepsNomination) nominated.delete(pod.key)
          return remedy(pod, failure, others, result.message ? [...messages, ` ${result.message}`] : messages)
      }
    }
    const result = plugin.postFilter!(pod, failure)
    return result instanceof Promise ? result.then(go) : go(result)
  }

  function nominate(pod: PodInfo, nodeName: string, done: Promise<void>): void {
    for (const other of nominated.after(pod, nodeName)) {
      nominated.delete(other.key)
      queue.activate(other.key)
      patchPodStatus(client, other.pod, { nominatedNodeName: null }).catch((error: unknown) => {
        if (!isNotFound(error)) log.warn('a nomination could not be taken back', { pod: other.key, error })
      })
    }
    nominated.set(pod, nodeName)
    done.catch((error: unknown) => {
      log.warn('preemption failed', { pod: pod.key, node: nodeName, error })
      nominated.delete(pod.key)
      queue.activate(pod.key)
    })
  }

  async function report(pod: PodInfo, reason: string, message: string): Promise<void> {
    const nominatedNodeName = nominated.nodeOf(pod.key)
    try {
      await reportWaiting(currentPod(pod.key) ?? pod.pod, { reason, message, nominatedNodeName }, handle)
    } catch (error) {
      if (!isNotFound(error)) log.warn('a pod could not be told why it waits', { pod: pod.key, error })
    }
  }

  return {
    run,
    /** Whether a decision placed the pod and the cache has not shown it yet. */
    isAssumed: (key: string) => assumed.has(key),
    /** The cache shows the pod's node, or that the pod is gone. */
    settled: (key: string) => void assumed.delete(key),
    async stop(): Promise<void> {
      abort.abort()
      for (const pod of waiting.list()) pod.refuse('', 'the scheduler stops')
      await Promise.allSettled(binding)
    },
  }
}

export type SchedulingCycle = ReturnType<typeof createSchedulingCycle>
