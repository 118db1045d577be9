import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../machinery/random.ts'
import { chooseNode, failureOf, findNodes, type Search } from './decide.ts'
import type { NodeTable } from './nodes/node-table.ts'
import { VerdictCache } from './nodes/node-verdicts.ts'
import { defaultPreemptionArgs, preempt } from './plugins/default-preemption.ts'
import { podInfo } from './pod-info.ts'
import { anInput, aTable } from './testing/builders.ts'
import { aRandomNode, aRandomPod, pick } from './testing/generated-cluster.ts'
import { fitsPlainly, type Placed } from './testing/plain-rules.ts'
import { plainScores } from './testing/plain-scores.ts'

/*
 * The fast scheduler against a slow one that says each rule in the plainest way, over generated clusters.
 * K8TS_MODEL_CLUSTERS says over how many; a failure prints the scene.
 */

const clusters = Number(process.env['K8TS_MODEL_CLUSTERS'] ?? 150)
const nameOf = ({ metadata }: { readonly metadata?: { readonly name?: string } }) => metadata!.name!

test('findNodes and chooseNode agree with the plain rules as pods come and go', () => {
  for (let seed = 1; seed <= clusters; seed++) {
    const random = seededRandom(seed)
    const nodes = Array.from({ length: 2 + Math.floor(random.next() * 7) }, (_, index) =>
      aRandomNode(random, index),
    )
    const table = aTable(nodes)
    const input = anInput(table, { seed })
    let placed: Placed[] = []
    for (let step = 0; step < 30; step++) {
      const pod = aRandomPod(random, `pod-${step}`)
      const scene = () => JSON.stringify({ seed, step, pod, nodes, placed }, undefined, 1)
      const search = findNodes(podInfo(pod), input)
      const feasible = search.type === 'found' ? search.feasible : []
      const found = feasible.map((index) => table.nodes[index]!)
      const expected = nodes.filter((node) => fitsPlainly(pod, node, { nodes, placed }))
      assert.deepEqual(found.map(nameOf).toSorted(), expected.map(nameOf).toSorted(), scene())
      if (found.length > 0) {
        const chosen = table.nodes[chooseNode(podInfo(pod), feasible, input)]!
        const sums = plainScores(pod, found, { nodes, placed })
        assert.equal(sums[found.indexOf(chosen)], Math.max(...sums), scene())
        table.addPod(podInfo(pod), nameOf(chosen))
        placed.push({ pod, nodeName: nameOf(chosen) })
      }
      if (placed.length > 0 && random.next() < 0.25) {
        const gone = pick(random, placed)
        table.removePod(podInfo(gone.pod).key)
        placed = placed.filter((other) => other !== gone)
      }
    }
  }
})

test('findNodes says with what it remembers of nodes what it says without', () => {
  for (let seed = 1; seed <= clusters; seed++) {
    const random = seededRandom(seed)
    const nodes = Array.from({ length: 2 + Math.floor(random.next() * 7) }, (_, index) =>
      aRandomNode(random, index),
    )
    const table = aTable(nodes)
    const input = anInput(table, { seed })
    const shapes = Array.from({ length: 4 }, (_, index) => aRandomPod(random, `shape-${index}`, index % 3))
    for (let step = 0; step < 60; step++) {
      const shape = pick(random, shapes)
      const pod = podInfo({ ...shape, metadata: { ...shape.metadata, name: `pod-${step}` } })
      const scene = () => JSON.stringify({ seed, step, pod: pod.pod, nodes }, undefined, 1)
      const said = sayingsOf(findNodes(pod, input), table)
      const anew = { ...input, verdicts: new VerdictCache(table), cursor: { position: 0 } }
      assert.deepEqual(said, sayingsOf(findNodes(pod, anew), table), scene())
      const nodeName = nameOf(pick(random, nodes))
      const what = random.next()
      if (what < 0.4) table.addPod(pod, nodeName)
      else if (what < 0.6) input.nominated.set(pod, nodeName)
      else if (what < 0.7) input.nominated.delete(`default/pod-${Math.floor(random.next() * step)}`)
      else if (what < 0.8) table.removePod(`default/pod-${Math.floor(random.next() * step)}`)
      else if (what < 0.9) table.removeNode(nodeName)
      else table.setNode(pick(random, nodes))
    }
  }
})

function sayingsOf(search: Search, table: NodeTable): unknown {
  if (search.type === 'found') return search.feasible.map((node) => nameOf(table.nodes[node]!)).toSorted()
  const { refusals, plugins } = search.diagnosis
  const counts = new Map<string, number>()
  for (const [{ reasons }, count] of refusals.counts()) {
    const key = reasons.join()
    counts.set(key, (counts.get(key) ?? 0) + count)
  }
  return [
    [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    [...plugins].toSorted(),
    table.indexes.map((node) => refusals.of(node)?.reasons),
  ]
}

test('preempt takes only pods of lower priority, and only where that makes room', () => {
  let victimsSeen = 0
  for (let seed = 1; seed <= clusters; seed++) {
    const random = seededRandom(seed)
    const nodes = Array.from({ length: 1 + Math.floor(random.next() * 5) }, (_, index) =>
      aRandomNode(random, index),
    )
    const table = aTable(nodes)
    const input = anInput(table, { seed })
    const placed: Placed[] = []
    for (let step = 0; step < 40; step++) {
      const pod = aRandomPod(random, `pod-${step}`, Math.floor(random.next() * 4))
      const search = findNodes(podInfo(pod), input)
      if (search.type === 'found') {
        const nodeName = nameOf(table.nodes[pick(random, search.feasible)]!)
        table.addPod(podInfo(pod), nodeName)
        placed.push({ pod, nodeName })
        continue
      }
      const failure = failureOf(podInfo(pod), search.diagnosis, search.checker, input)
      const given = { nodes: table, budgets: [], args: defaultPreemptionArgs, random }
      const result = preempt(podInfo(pod), failure, given)
      const scene = () => JSON.stringify({ seed, step, pod, nodes, placed, result }, undefined, 1)
      for (const other of placed)
        assert.equal(table.placeOf(podInfo(other.pod).key)?.node, table.indexOf(other.nodeName), scene())
      if (result.type === 'noUse') continue
      victimsSeen += result.victims.length
      const victims = new Set(result.victims.map((victim) => victim.pod))
      const left = placed.filter((other) => !victims.has(other.pod))
      const node = nodes.find((candidate) => nameOf(candidate) === result.nodeName)!
      for (const { pod: victim, priority } of result.victims) {
        assert.ok(priority < podInfo(pod).priority, scene())
        assert.equal(placed.find((other) => other.pod === victim)!.nodeName, result.nodeName, scene())
      }
      assert.ok(fitsPlainly(pod, node, { nodes, placed: left }), scene())
    }
  }
  assert.ok(victimsSeen > clusters / 10, `only ${victimsSeen} victims in all`)
})
