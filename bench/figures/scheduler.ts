import type { Node } from '../../src/api/generated/core.v1.ts'
import { chooseNode, failureOf, findNodes } from '../../src/scheduler/decide.ts'
import { nameOf } from '../../src/scheduler/node-checker.ts'
import type { NodeTable } from '../../src/scheduler/nodes/node-table.ts'
import { defaultPreemptionArgs, preempt } from '../../src/scheduler/plugins/default-preemption.ts'
import type { PodInfo } from '../../src/scheduler/pod-info.ts'
import { aNode, anInput, aPodInfo, aTable, type PodShape } from '../../src/scheduler/testing/builders.ts'
import type { Bench } from '../figure.ts'
import { labels, rows, zone, type Row } from './scheduler-rows.ts'
import { median, percentile, timed } from '../timing.ts'

/** Of kube-scheduler, per pod, everything it does included. */
const kubernetesMicroseconds: Readonly<Record<number, number>> = { 1000: 3500, 5000: 6000 }
const podsPerNode = 10
const noBudgets: readonly [] = []
const wholeScheduler = 'Kubernetes: kube-scheduler with all it does'

const podShapes: Readonly<Record<string, PodShape>> = {
  'a plain pod': { labels: { app: 'plain' }, cpu: '100m', memory: '64Mi' },
  'a pod spread over zones and away from its like': {
    labels: { app: 'spread' },
    cpu: '100m',
    memory: '64Mi',
    spec: {
      topologySpreadConstraints: [
        {
          maxSkew: 5,
          topologyKey: zone,
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { app: 'spread' } },
        },
      ],
      affinity: {
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 100,
              podAffinityTerm: {
                topologyKey: 'kubernetes.io/hostname',
                labelSelector: { matchLabels: { app: 'spread' } },
              },
            },
          ],
        },
      },
    },
  },
}

/** Decisions alone: no queue, no API. Nodes in three zones with ten pods on each; every pod decided on is counted. */
export async function measureScheduler(bench: Bench): Promise<void> {
  for (const [what, shape] of Object.entries(podShapes)) {
    for (const count of [100, 1000, 5000]) {
      const runs = await decisions(filledTable(count), shape)
      const kubernetes = what === 'a plain pod' ? kubernetesMicroseconds[count] : undefined
      bench.add({
        name: `decide on ${what}, ${count.toLocaleString('en')} nodes`,
        value: median(runs),
        unit: 'µs',
        also: [{ name: 'p99', value: percentile(runs, 0.99), unit: 'µs' }],
        ...(kubernetes !== undefined && { kubernetes, note: wholeScheduler }),
      })
    }
  }
  for (const row of rows) await measureRow(bench, row)
  await measureTable(bench)
}

/** What a row of the figures of binding costs in decisions alone, and with many more pods in the cluster. */
async function measureRow(bench: Bench, { name, filledBy, cpu = '10m', spec = {} }: Row): Promise<void> {
  const count = 5000
  const shape: PodShape = { labels, cpu, memory: '50Mi', spec, ...(filledBy && { priority: 1000 }) }
  const nodes = Array.from({ length: count }, (_, index) => zonedNode(index, '4', '32Gi'))
  const runsWith = (podsOnEach: number, podCpu: string) => {
    const table = aTable(nodes)
    for (let index = 0; index < count * podsOnEach; index++) {
      const pod = aPodInfo(`old-${index}`, { labels: { app: `app-${index % 50}` }, cpu: podCpu })
      table.addPod(pod, `node-${index % count}`)
    }
    return decisions(table, shape)
  }
  const runs = await runsWith(filledBy?.perNode ?? 1, filledBy?.cpu ?? '10m')
  // Where pods of lower priority are in the way, more of them means that more have to go.
  const more = filledBy ? undefined : median(await runsWith(20, '10m'))
  bench.add({
    name: `decide: ${name}, 5,000 nodes`,
    value: median(runs),
    unit: 'µs',
    bar: { most: 100 },
    also: [
      { name: 'mean', value: runs.reduce((sum, run) => sum + run, 0) / runs.length, unit: 'µs' },
      { name: 'p99', value: percentile(runs, 0.99), unit: 'µs' },
      ...(more === undefined ? [] : [{ name: 'with 100,000 pods placed', value: more, unit: 'µs' } as const]),
    ],
  })
}

function zonedNode(index: number, cpu = '16', memory = '64Gi'): Node {
  return aNode(`node-${index}`, { cpu, memory, labels: { [zone]: `zone-${index % 3}` } })
}

function filledTable(count: number): NodeTable {
  const table = aTable(Array.from({ length: count }, (_, index) => zonedNode(index)))
  for (let index = 0; index < count * podsPerNode; index++) {
    const pod = aPodInfo(`old-${index}`, {
      labels: { app: `app-${index % 50}` },
      cpu: '100m',
      memory: '64Mi',
    })
    table.addPod(pod, `node-${index % count}`)
  }
  return table
}

/** Microseconds of each decision once the code is warm. */
async function decisions(table: NodeTable, shape: PodShape): Promise<number[]> {
  const input = anInput(table)
  const place = (pod: PodInfo) => {
    const start = performance.now()
    const { nodeName, victims } = placeFor(pod, input)
    const tookMs = performance.now() - start
    for (const { key } of victims) table.removePod(key)
    table.addPod(pod, nodeName)
    return tookMs * 1000
  }
  const run = (name: string, count: number, withinMs: number) => {
    const times: number[] = []
    const start = performance.now()
    for (let index = 0; index < count && performance.now() - start < withinMs; index++) {
      times.push(place(aPodInfo(`${name}-${index}`, shape)))
    }
    return times
  }
  run('warm', 300, 500)
  return run('pod', 1000, 700)
}

/** Where the pod goes, and which others have to go for it. */
function placeFor(pod: PodInfo, input: ReturnType<typeof anInput>) {
  const search = findNodes(pod, input)
  if (search.type === 'found')
    return { nodeName: nameOf(chooseNode(pod, search.feasible, input), input.nodes), victims: [] }
  const { nodes, random } = input
  const failure = failureOf(pod, search.diagnosis, search.checker, input)
  const found = preempt(pod, failure, { nodes, random, budgets: noBudgets, args: defaultPreemptionArgs })
  if (found.type !== 'victims') throw new Error(`${pod.key} was refused: ${found.message}`)
  return found
}

async function measureTable(bench: Bench): Promise<void> {
  const [count, pods] = [5000, 20_000]
  const table = filledTable(count)
  const nodes = Array.from({ length: count }, (_, index) => zonedNode(index))
  const infos = Array.from({ length: pods }, (_, index) =>
    aPodInfo(`pod-${index}`, { labels: { app: `app-${index % 50}` }, cpu: '100m' }),
  )
  const setNodes = () => {
    for (const node of nodes) table.setNode(node)
  }
  const addPods = () => {
    for (const [index, pod] of infos.entries()) table.addPod(pod, `node-${index % count}`)
  }
  const removePods = () => {
    for (const { key } of infos) table.removePod(key)
  }
  setNodes()
  const perPiece = async (pieces: number, run: () => void) => ((await timed(run)).ms / pieces) * 1000
  bench.add({
    name: 'NodeTable.setNode, 5,000 nodes',
    value: await perPiece(count, setNodes),
    unit: 'µs',
    also: [
      { name: 'addPod', value: await perPiece(pods, addPods), unit: 'µs' },
      { name: 'removePod', value: await perPiece(pods, removePods), unit: 'µs' },
    ],
  })
}
