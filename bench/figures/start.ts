import { join } from 'node:path'
import { nodes, pods } from '../../src/api/generated/resources.ts'
import type { Node } from '../../src/api/generated/core.v1.ts'
import type { Bench } from '../figure.ts'
import { follow } from '../follow.ts'
import { buildCommand, createCluster, type K8tsCluster } from '../k8ts-cluster.ts'
import { aPod, createWhenAllowed, isRunning, namespace } from '../pods.ts'
import { usageOf } from '../usage.ts'
import { median, repeat } from '../timing.ts'

/** Seconds since the command was started. */
interface Start {
  readonly apiReady: number
  readonly nodeReady: number
  readonly podRunning: number
  /** Processor time of the server and the node's process until the first pod runs. */
  readonly cpu: number
}

/** `k8ts up` as its user meets it: a new process, one node with real containers, images on the disk. */
export async function measureStart(bench: Bench): Promise<void> {
  const build = await buildCommand()
  const uncompiled = await coldStart(bench, { NODE_COMPILE_CACHE: join(bench.folder, 'no-code-yet') })
  const starts = await repeat(3, () => coldStart(bench))
  addStarts(bench, starts, uncompiled)
  await measureRestarts(bench)
  if ((await buildCommand()) !== build)
    throw new Error('the sources changed and were bundled while it was measured')
}

function addStarts(bench: Bench, starts: readonly Start[], uncompiled: Start): void {
  const add = (name: string, key: keyof Start, rest: { most?: number; kubernetes?: number } = {}) => {
    const runs = starts.map((start) => start[key])
    bench.add({
      name,
      value: median(runs),
      unit: 's',
      runs,
      ...(rest.most !== undefined && { bar: { most: rest.most } }),
      ...(rest.kubernetes !== undefined && { kubernetes: rest.kubernetes }),
      also: [{ name: 'first time after a build', value: uncompiled[key], unit: 's' }],
    })
  }
  add('new cluster: API ready', 'apiReady', { most: 0.5, kubernetes: 3.4 })
  add('new cluster: node Ready', 'nodeReady', { kubernetes: 7.4 })
  add('new cluster: first pod Running', 'podRunning', { most: 3, kubernetes: 20 })
  add('new cluster: processor time until then', 'cpu')
}

async function coldStart(bench: Bench, environment?: Readonly<Record<string, string>>): Promise<Start> {
  const cluster = await createCluster(bench)
  const up = await cluster.up(environment)
  const client = await up.client()
  const since = (moment: number) => (moment - up.startedAt) / 1000
  const followed = await follow(client, pods, namespace)
  const nodeReady = follow(client, nodes).then((all) =>
    all.until('node Ready', (objects) => [...objects.values()].some(isReady)).finally(all.stop),
  )
  const podRunning = createWhenAllowed(client, aPod('first')).then(() =>
    followed.until('first pod Running', (objects) => isRunning(objects.get('first'))),
  )
  const [api, node, pod] = await Promise.all([up.apiReady, nodeReady, podRunning])
  const cpu = usageOf(await ownProcesses(cluster)).cpuMs / 1000
  followed.stop()
  await up.stop()
  await cluster.delete()
  return { apiReady: since(api), nodeReady: since(node), podRunning: since(pod), cpu }
}

/** The server and the processes of the nodes. */
export async function ownProcesses(cluster: K8tsCluster): Promise<number[]> {
  const { pid, nodes } = await cluster.status()
  return [pid, ...nodes.map((node) => node.pid)].filter((one) => one !== undefined)
}

async function measureRestarts(bench: Bench): Promise<void> {
  const cluster = await createCluster(bench)
  let up = await cluster.up()
  const client = await up.client()
  const followed = await follow(client, pods, namespace)
  await createWhenAllowed(client, aPod('kept'))
  await followed.until('pod Running', (objects) => isRunning(objects.get('kept')))
  followed.stop()
  const restart = async (signal: 'SIGTERM' | 'SIGKILL') => {
    await up.stop(signal)
    up = await cluster.up()
    const [api, ready] = await Promise.all([up.apiReady, up.saidReady])
    return { api: (api - up.startedAt) / 1000, ready: (ready - up.startedAt) / 1000 }
  }
  for (const [what, signal, kubernetes] of [
    ['stopped and started again', 'SIGTERM', 3.8],
    ['killed and started again', 'SIGKILL', undefined],
  ] as const) {
    const runs = await repeat(3, () => restart(signal))
    bench.add({
      name: `${what}: API ready`,
      value: median(runs.map(({ api }) => api)),
      unit: 's',
      runs: runs.map(({ api }) => api),
      ...(kubernetes !== undefined && { kubernetes }),
      also: [{ name: 'node at work', value: median(runs.map(({ ready }) => ready)), unit: 's' }],
    })
  }
  await up.stop()
  await cluster.delete()
}

function isReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}
