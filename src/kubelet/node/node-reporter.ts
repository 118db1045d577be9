import type { Node, NodeCondition } from '../../api/generated/core.v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import { sleep, type Cancel, type Clock } from '../../machinery/clock.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { Logger } from '../../machinery/log.ts'
import { parseTime } from '../../machinery/time.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import type { NodePressure } from '../eviction/threshold.ts'
import type { ContainerRuntime, RuntimeVersion } from '../runtime/runtime.ts'
import type { RuntimeMonitor } from '../runtime/runtime-monitor.ts'
import {
  newNode,
  nodeLabels,
  nodeStatus,
  pressureVerdicts,
  type NodeDescription,
  type NodeState,
} from './node-object.ts'

/**
 * Registers the node once, and keeps its status: at once when it changes, every five minutes when it does not. A node
 * that somebody deletes meanwhile stays deleted, as upstream, until the kubelet starts again.
 */
export interface NodeReporter {
  /** Resolves when the API server has the node. */
  readonly registered: Promise<Node>
  /** The node as the API server had it last. */
  readonly node: Node | undefined
  /** Something the status tells of may have changed. */
  changed(): void
  stop(): Promise<void>
}

export interface NodeReporterOptions {
  readonly client: Client
  readonly clock: Clock
  readonly log: Logger
  readonly recorder: EventRecorder
  readonly runtime: ContainerRuntime
  readonly version: RuntimeVersion
  readonly monitor: RuntimeMonitor
  readonly description: NodeDescription
  /** Further reasons why the node is not ready. */
  readonly problems: () => readonly string[]
  /** Volumes that pods are given or have, as node statuses call them. */
  readonly volumesInUse: () => readonly string[]
  readonly pressures: () => ReadonlySet<NodePressure>
  readonly devices: () => NodeState['devices']
  /** The newest node object, from whatever has seen it. */
  readonly cached: () => Node | undefined
}

const checkPeriodMs = 10_000
const reportPeriodMs = 300_000
const firstRetryMs = 200
const maximumRetryMs = 7000

export function createNodeReporter(options: NodeReporterOptions): NodeReporter {
  const { client, clock, log, recorder, runtime, monitor, description } = options
  const abort = new AbortController()
  const registered = Promise.withResolvers<Node>()
  let written: Node | undefined
  /** What was told last; a node is not ready before it says so, and may be given pods. */
  let isReady = false
  let isUnschedulable = false
  let pressureReasons: readonly string[] = []
  let cancel: Cancel = () => {}
  let running: Promise<void> | undefined
  let again = false

  async function stateNow(): Promise<NodeState> {
    const images = await runtime.listImages().catch((error: unknown) => {
      log.warn('listing images failed', { error })
      return []
    })
    const { runtimeProblem, networkProblem } = monitor
    return {
      version: options.version,
      runtime: monitor.status,
      problems: [runtimeProblem, networkProblem, ...options.problems()].filter((text) => text !== undefined),
      images,
      pressures: options.pressures(),
      devices: options.devices(),
      now: clock.now(),
    }
  }

  async function register(): Promise<void> {
    let retryMs = firstRetryMs
    while (!abort.signal.aborted) {
      try {
        written = await createOrAdopt()
        registered.resolve(written)
        return
      } catch (error) {
        if (abort.signal.aborted) return
        log.warn('registering the node failed', { node: description.name, error })
        await sleep(clock, retryMs, abort.signal).catch(() => undefined)
        retryMs = Math.min(retryMs * 2, maximumRetryMs)
      }
    }
  }

  async function createOrAdopt(): Promise<Node> {
    const state = await stateNow()
    try {
      return await client.create(nodes, newNode(description, state))
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
    }
    const found = await client.get(nodes, { name: description.name })
    const labels = nodeLabels(description)
    const missing = Object.entries(labels).filter(([key, value]) => found.metadata?.labels?.[key] !== value)
    if (missing.length === 0) return found
    const body = { metadata: { labels: Object.fromEntries(missing) } }
    return await client.patch(nodes, { name: description.name }, { type: 'merge', body })
  }

  async function report(): Promise<void> {
    const cached = options.cached()
    const found = newest(cached, written) ?? written
    if (found === undefined) return
    const state = await stateNow()
    const volumesInUse = options.volumesInUse()
    const status = {
      ...nodeStatus(description, state, found.status),
      ...(volumesInUse.length + (found.status?.volumesInUse?.length ?? 0) > 0 && { volumesInUse }),
    }
    tellChanges(found, state)
    const body = changedFields(found, status, clock.now())
    if (body === undefined) return
    written = await client.patch(
      nodes,
      { name: description.name },
      { type: 'strategic', body: { status: body } },
      { subresource: 'status' },
    )
  }

  /** Events of what the status tells anew, and of what others did to the node. */
  function tellChanges(node: Node, { problems, pressures }: NodeState): void {
    const { name, machine } = description
    const tell = (reason: string) =>
      recorder.event(aboutNode(node), 'Normal', reason, `Node ${name} status is now: ${reason}`)

    const { bootID = '' } = node.status?.nodeInfo ?? {}
    if (bootID !== '' && bootID !== machine.bootID) {
      const message = `Node ${name} has been rebooted, boot id: ${machine.bootID}`
      recorder.event(aboutNode(node), 'Warning', 'Rebooted', message)
    }

    const reasons = pressureVerdicts(pressures).map(({ reason }) => reason.replace(/^Kubelet/, 'Node'))
    for (const reason of reasons) if (!pressureReasons.includes(reason)) tell(reason)
    pressureReasons = reasons

    const ready = problems.length === 0
    if (isReady !== ready) tell(ready ? 'NodeReady' : 'NodeNotReady')
    isReady = ready

    const { unschedulable = false } = node.spec ?? {}
    if (isUnschedulable !== unschedulable) tell(unschedulable ? 'NodeNotSchedulable' : 'NodeSchedulable')
    isUnschedulable = unschedulable
  }

  function changed(): void {
    again = true
    running ??= run().finally(() => (running = undefined))
  }

  async function run(): Promise<void> {
    while (again && !abort.signal.aborted) {
      again = false
      cancel()
      try {
        if (written === undefined) await register()
        else await report()
      } catch (error) {
        if (!abort.signal.aborted) log.warn('reporting the node status failed', { error })
      }
    }
    if (!abort.signal.aborted) cancel = clock.after(checkPeriodMs, changed)
  }

  changed()
  void registered.promise.then((node) => {
    recorder.event(aboutNode(node), 'Normal', 'Starting', 'Starting kubelet.')
    changed()
  })
  return {
    registered: registered.promise,
    get node() {
      return newest(options.cached(), written)
    },
    changed,
    async stop() {
      abort.abort(new Error('the kubelet stops'))
      cancel()
      await running
    },
  }
}

/** Upstream's kubelet puts the node's name where the uid stands, so that its events are found by name. */
export function aboutNode(node: Node): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node.metadata?.name ?? '', uid: node.metadata?.name ?? '' },
  }
}

function newest(a: Node | undefined, b: Node | undefined): Node | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const version = (node: Node) => BigInt(node.metadata?.resourceVersion || 0)
  return version(a) >= version(b) ? a : b
}

/** Only what has changed; heartbeats alone are worth a write when the last one is old. */
function changedFields(
  node: Node,
  status: NonNullable<Node['status']>,
  now: number,
): Record<string, unknown> | undefined {
  const body: Record<string, unknown> = {}
  for (const [field, value] of Object.entries(status)) {
    if (field === 'conditions' || field === 'addresses') continue
    const before = node.status?.[field as keyof typeof status]
    if (!jsonEqual(before, value)) body[field] = isResources(field) ? withoutOthers(before, value) : value
  }
  if (!jsonEqual(node.status?.addresses ?? [], status.addresses ?? [])) {
    body.addresses = [...(status.addresses ?? []), { $patch: 'replace' }]
  }
  const found = node.status?.conditions ?? []
  const wanted = status.conditions ?? []
  const differs = wanted.some((condition) => !sameCondition(find(found, condition.type), condition))
  const lastBeat = parseTime(find(found, 'Ready')?.lastHeartbeatTime) ?? 0
  if (differs || now - lastBeat >= reportPeriodMs || Object.keys(body).length > 0) body.conditions = wanted
  return Object.keys(body).length === 0 ? undefined : body
}

function isResources(field: string): boolean {
  return field === 'capacity' || field === 'allocatable'
}

/** A map as a patch that removes what it does not have. */
function withoutOthers(before: unknown, value: unknown): object {
  const removed = Object.keys(before ?? {}).map((name) => [name, null])
  return { ...Object.fromEntries(removed), ...(value as object) }
}

function find(conditions: readonly NodeCondition[], type: string): NodeCondition | undefined {
  return conditions.find((condition) => condition.type === type)
}

function sameCondition(a: NodeCondition | undefined, b: NodeCondition): boolean {
  return a?.status === b.status && a.reason === b.reason && a.message === b.message
}
