import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../src/machinery/random.ts'
import { noTraces, tracesOf, withoutContainers } from './harness/machine.ts'
import { startProgram } from './harness/program.ts'
import { k8ts } from './harness/root.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'

function planIndex(cluster: TestCluster): number | undefined {
  try {
    const state = readFileSync(join(cluster.folder, 'state.json'), 'utf8')
    return (JSON.parse(state) as { addresses: { index: number } }).addresses.index
  } catch {
    return undefined
  }
}

describe('an up that is killed', { skip: withoutContainers }, () => {
  const seed = Number(process.env['K8TS_TEST_SEED'] ?? 1)
  const random = seededRandom(seed)
  /** About as long as an up takes. */
  const longestMs = 1200
  let cluster: TestCluster
  before(() => {
    cluster = aCluster('cut')
  })
  after(() => cluster.delete())

  for (let round = 1; round <= 6; round++) {
    const afterMs = Math.floor(random.next() * longestMs)
    const next = round % 2 === 0 ? 'down' : 'up'
    it(`after ${afterMs} ms (seed ${seed}) is repaired by the next ${next}`, async () => {
      const args = ['up', '--yes', '--name', cluster.name, '--data-dir', cluster.folder]
      const { child, ended } = startProgram(k8ts, args)
      await delay(afterMs)
      child.kill('SIGKILL')
      await ended
      if (next === 'up') {
        await cluster.up()
        const { nodes, components } = await cluster.status()
        const ills = [...components, ...nodes.flatMap((node) => node.components)].filter(({ ill }) => ill)
        assert.deepEqual(ills, [])
        await cluster.kubectl(['wait', '--for=condition=Ready', 'node/node1', '--timeout=30s'])
      }
      const { exitCode, stderr } = await cluster.k8ts('down')
      assert.ok(exitCode === 0 || /there is no cluster/.test(stderr), stderr)
      assert.deepEqual(await tracesOf(cluster.name, planIndex(cluster)), noTraces)
    })
  }
})

describe('an up that fails', { skip: withoutContainers }, () => {
  const rows = [
    {
      why: 'because the port is taken',
      args: (port: number) => ['--port', String(port)],
      message: /port \d+ is taken/,
    },
    {
      why: 'because the data cannot be written',
      prepare: (cluster: TestCluster) => writeFileSync(join(cluster.folder, 'data'), 'not a folder'),
      message: /data/,
    },
    {
      why: 'because containerd does not start',
      prepare(cluster: TestCluster) {
        const node = join(cluster.folder, 'nodes/node1')
        mkdirSync(node, { recursive: true })
        writeFileSync(join(node, 'containerd'), 'not a folder')
      },
      message: /containerd/,
    },
  ]
  for (const { why, args, prepare, message } of rows) {
    it(`${why} leaves nothing, and says why`, async () => {
      const taken = createServer().listen(0, '0.0.0.0')
      await once(taken, 'listening')
      const { port } = taken.address() as { port: number }
      const cluster = aCluster('fail')
      try {
        prepare?.(cluster)
        const up = await cluster.k8ts('up', '--detach', '--yes', ...(args?.(port) ?? []))
        assert.equal(up.exitCode, 1, up.stdout)
        assert.match(up.stderr, message)
        assert.deepEqual(await tracesOf(cluster.name, planIndex(cluster)), noTraces)
      } finally {
        await cluster.delete()
        rmSync(cluster.folder, { recursive: true, force: true })
        taken.close()
      }
    })
  }
})
