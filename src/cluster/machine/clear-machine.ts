import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { killCgroup, processesIn, removeCgroup } from './cgroups.ts'
import { removeProxyRules } from '../../proxy/start.ts'
import { deleteHostForwarding } from './host-forwarding.ts'
import type { Journal, Trace } from './journal.ts'
import { unmountBelow } from './mounts.ts'
import { deleteBridge, deleteNodeNetwork } from './network.ts'
import { releasePlan } from './plan-reservation.ts'
import { deleteNodeForwarding } from './node-forwarding.ts'
import { end } from './processes.ts'
import { readIfExists } from './atomic-file.ts'

export interface ClearOptions {
  readonly cluster: string
  /** How long containers may take to end by themselves after SIGTERM. */
  readonly graceMs: number
}

type Kind = Trace['kind']
type Undo = {
  readonly [K in Kind]: (trace: Extract<Trace, { kind: K }>, cluster: string) => Promise<void> | void
}

/** How each trace is taken away; each does nothing where the thing is not there. */
const undo: Undo = {
  process: ({ process }) => end(process, 5_000),
  cgroup: async ({ path }) => {
    await killCgroup(path)
    await removeCgroup(path)
  },
  containerdState: ({ path }) => {
    removeShimSockets(path)
    return unmountBelow(path).then(() => rmSync(path, { recursive: true, force: true }))
  },
  mounts: ({ below }) => unmountBelow(below),
  namespace: ({ name, link }) => deleteNodeNetwork({ namespace: name, link }),
  forwarding: ({ plan }) => deleteHostForwarding(plan),
  bridge: ({ plan }) => deleteBridge(plan),
  nodeRules: async () => {
    await deleteNodeForwarding()
    await removeProxyRules()
  },
  cniResults: ({ network }) => removeCniResults(network),
  addressPlan: ({ index }, cluster) => releasePlan(index, cluster),
}

/** Whoever uses a thing is taken away before it. */
const order: readonly Kind[] = [
  'process',
  'cgroup',
  'containerdState',
  'mounts',
  'namespace',
  'forwarding',
  'bridge',
  'nodeRules',
  'cniResults',
  'addressPlan',
]

/**
 * Takes away the traces that `which` picks (default: all), and forgets them. Everything is tried; the first failure is
 * thrown at the end, and what failed stays in the journal.
 */
export async function clearMachine(
  journal: Journal,
  options: ClearOptions,
  which: (trace: Trace) => boolean = () => true,
): Promise<void> {
  const traces = journal.traces.filter(which)
  const failures: unknown[] = []
  await endContainers(traces, options.graceMs)
  for (const kind of order) {
    const ofKind = traces.filter((trace) => trace.kind === kind)
    const results = await Promise.allSettled(
      ofKind.map(async (trace) => {
        await (undo[kind] as (trace: Trace, cluster: string) => Promise<void>)(trace, options.cluster)
        journal.forget(trace)
      }),
    )
    failures.push(
      ...results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown),
    )
  }
  if (failures.length > 0) throw failures[0]
}

/** Asks the containers to end and waits for them, at most `graceMs`. */
async function endContainers(traces: readonly Trace[], graceMs: number): Promise<void> {
  const pods = traces.flatMap((trace) => (trace.kind === 'cgroup' ? [`${trace.path}/kubepods`] : []))
  for (const pid of pods.flatMap(processesIn)) terminate(pid)
  const deadline = performance.now() + graceMs
  while (performance.now() < deadline && pods.some((path) => processesIn(path).length > 0)) await delay(20)
}

function terminate(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Shims listen in /run/containerd/s, whichever containerd they belong to; each bundle says where. */
function removeShimSockets(statePath: string): void {
  const bundles = join(statePath, 'io.containerd.runtime.v2.task', 'k8s.io')
  if (!existsSync(bundles)) return
  for (const bundle of readdirSync(bundles)) {
    const address = readIfExists(join(bundles, bundle, 'address'))?.trim()
    const socket = address?.replace(/^unix:\/\//, '')
    if (socket?.startsWith('/run/containerd/s/')) rmSync(socket, { force: true })
  }
}

function removeCniResults(network: string): void {
  const folder = '/var/lib/cni/results'
  if (!existsSync(folder)) return
  for (const file of readdirSync(folder)) {
    if (file.startsWith(`${network}-`)) rmSync(join(folder, file), { force: true })
  }
}
