import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Pod } from '../../src/api/generated/core.v1.ts'
import { noTraces, tracesOf, withoutContainers } from './harness/machine.ts'
import { aPod, shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { runProgram } from './harness/program.ts'
import { until } from './harness/until.ts'

function planIndexOf({ folder }: TestCluster): number {
  const state = JSON.parse(readFileSync(join(folder, 'state.json'), 'utf8'))
  return (state as { addresses: { index: number } }).addresses.index
}

function parentOf(pid: number | undefined): number {
  const [, parent] = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(parent)
}

describe('a cluster with real containers', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('life')
    await cluster.up()
    await cluster.loadTestImage()
  })
  after(() => cluster.delete())

  const planIndex = () => planIndexOf(cluster)
  const containerOf = async (pod: string) => {
    const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', pod])
    const container = status?.containerStatuses?.[0]
    return { id: container?.containerID, restarts: container?.restartCount }
  }
  const untilReady = (pod: string) =>
    cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s'])

  it('has a node, and its own parts as pods', async () => {
    assert.match(await cluster.kubectl(['get', 'nodes', '--no-headers']), /^node1 +Ready +control-plane /)
    const pods = await until('own pods are Running', async () => {
      const output = await cluster.kubectl(['get', 'pods', '-n', 'kube-system', '--no-headers'])
      return (
        output
          .trim()
          .split('\n')
          .every((line) => / 1\/1 +Running /.test(line)) && output
      )
    })
    for (const name of [
      'coredns',
      'kube-apiserver',
      'kube-controller-manager',
      'kube-proxy',
      'kube-scheduler',
    ]) {
      assert.match(pods, new RegExp(`^${name}-node1 `, 'm'))
    }
  })

  it('says that it is up already', async () => {
    assert.match(await cluster.up(), /is up already/)
  })

  it('tells its status', async () => {
    const status = await cluster.status()
    assert.equal(status.state, 'running')
    assert.deepEqual(
      status.nodes.map(({ name, state }) => ({ name, state })),
      [{ name: 'node1', state: 'running' }],
    )
    const ills = [...status.components, ...status.nodes.flatMap((node) => node.components)].filter(
      ({ ill }) => ill,
    )
    assert.deepEqual(ills, [])
  })

  it('lists the images it was given', async () => {
    const { stdout } = await cluster.k8ts('image', 'ls')
    assert.match(stdout, /^k8ts\.test\/busybox:1 +node1$/m)
  })

  it('goes on with the same containers after its server was killed', async () => {
    await cluster.kubectl.apply(aPod('survivor', shell(sleepScript)))
    await untilReady('survivor')
    const before = await containerOf('survivor')
    process.kill((await cluster.status()).pid ?? 0, 'SIGKILL')
    assert.equal((await cluster.status()).state, 'restarting')
    await cluster.up()
    await untilReady('survivor')
    assert.deepEqual(await containerOf('survivor'), before)
  })

  it('comes back by itself after its server was killed, and says so', async () => {
    const before = await containerOf('survivor')
    const { pid } = await cluster.status()
    process.kill(pid ?? 0, 'SIGKILL')
    const status = await until('another server runs', async () => {
      const now = await cluster.status()
      return now.state === 'running' && now.pid !== pid && now
    })
    assert.deepEqual(
      status.ends.map(({ how }) => how),
      ['SIGKILL'],
    )
    await untilReady('survivor')
    assert.deepEqual(await containerOf('survivor'), before)
    const { stdout } = await cluster.k8ts('status')
    assert.match(stdout, /its server has ended by itself once, the last time at \S+ \(SIGKILL\)/)
  })

  it('goes on with the same containers after the process of its node was killed', async () => {
    const before = await containerOf('survivor')
    const [node] = (await cluster.status()).nodes
    process.kill(node?.pid ?? 0, 'SIGKILL')
    const after = await until('the node has another process', async () => {
      const [now] = (await cluster.status()).nodes
      return now?.pid !== node?.pid && now?.components.every(({ ill }) => !ill) && now
    })
    assert.equal(after.restarts, 1)
    await untilReady('survivor')
    assert.deepEqual(await containerOf('survivor'), before)
  })

  it('goes on with the same containers after the containerd of its node was killed', async () => {
    const before = await containerOf('survivor')
    const file = join('/run/k8ts', cluster.name, 'node1/containerd.pid')
    const pidOfContainerd = () => (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid
    const killed = pidOfContainerd()
    process.kill(killed, 'SIGKILL')
    await until('another runs', () => pidOfContainerd() !== killed)
    await until('it does what it is told', async () => {
      return (await cluster.kubectl(['exec', 'survivor', '--', 'echo', 'here'])) === 'here\n'
    })
    await untilReady('survivor')
    assert.deepEqual(await containerOf('survivor'), before)
  })

  it('says that nobody starts its server again once its supervisor was killed, and goes down as ever', async () => {
    const { pid, supervisor } = await cluster.status()
    assert.equal(supervisor, 'running')
    process.kill(parentOf(pid), 'SIGKILL')
    await until('it is noticed', async () => (await cluster.status()).supervisor === 'ended')
    assert.match((await cluster.k8ts('status')).stdout, /unwatched +its supervisor was killed/)
  })

  it('leaves nothing on the machine when it is down, and comes up with its data', async () => {
    await cluster.down()
    assert.deepEqual(await tracesOf(cluster.name, planIndex()), noTraces)
    const { state, cleared, ends } = await cluster.status()
    assert.deepEqual({ state, cleared, ends }, { state: 'stopped', cleared: true, ends: [] })
    await cluster.up()
    await untilReady('survivor')
    assert.equal((await containerOf('survivor')).restarts, 1)
  })

  it('moves to other addresses where another cluster has taken its own, and keeps its data', async () => {
    await cluster.down()
    const index = planIndex()
    mkdirSync('/run/k8ts/plans', { recursive: true })
    writeFileSync(`/run/k8ts/plans/${index}`, 'another')
    try {
      await cluster.up()
      assert.notEqual(planIndex(), index)
      await untilReady('survivor')
      const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'survivor'])
      assert.match(status?.podIP ?? '', new RegExp(`^10\\.${244 - planIndex()}\\.`))
      const answer = await cluster.kubectl([
        'exec',
        'survivor',
        '--',
        'nslookup',
        'kubernetes.default.svc.cluster.local',
      ])
      assert.match(answer, new RegExp(`Address.*10\\.${96 + index}\\.0\\.1`))
    } finally {
      rmSync(`/run/k8ts/plans/${index}`)
    }
  })

  it('is cleared by down after everything of it was killed', async () => {
    const status = await cluster.status()
    for (const pid of [status.pid, ...status.nodes.map((node) => node.pid)]) process.kill(pid ?? 0, 'SIGKILL')
    await cluster.down()
    assert.deepEqual(await tracesOf(cluster.name, planIndex()), noTraces)
  })
})

describe('an up that fails', { skip: withoutContainers }, () => {
  it('leaves nothing on the machine', async () => {
    const cluster = aCluster('fail')
    try {
      const { exitCode, stdout } = await cluster.k8ts(
        'up',
        '--detach',
        '--yes',
        '--store',
        'etcd',
        '--etcd-endpoints',
        'http://127.0.0.1:1',
      )
      assert.equal(exitCode, 1, stdout)
      assert.deepEqual(await tracesOf(cluster.name, undefined), noTraces)
    } finally {
      await cluster.delete()
    }
  })
})

describe('a cluster whose folder was removed', { skip: withoutContainers }, () => {
  it('is cleared by the next up of any cluster once its server has ended', async () => {
    const [lost, next] = [aCluster('lost'), aCluster('next')]
    try {
      await lost.up()
      const { pid = 0 } = await lost.status()
      const index = planIndexOf(lost)
      for (const one of [parentOf(pid), pid]) process.kill(one, 'SIGKILL')
      await runProgram('rm', ['-rf', lost.folder])
      await next.up('--runtime', 'simulated')
      assert.deepEqual(await tracesOf(lost.name, index), noTraces)
    } finally {
      await lost.delete()
      await next.delete()
    }
  })
})

describe('a cluster of simulated nodes', () => {
  it('takes pods through their states', async () => {
    const cluster = aCluster('sim')
    try {
      await cluster.up('--runtime', 'simulated', '--nodes', '2', '--simulated-nodes', '3')
      const nodes = await cluster.kubectl(['get', 'nodes', '-o', 'name'])
      assert.deepEqual(nodes.trim().split('\n').sort(), [
        'node/node1',
        'node/node2',
        'node/simulated1',
        'node/simulated2',
        'node/simulated3',
      ])
      await cluster.kubectl(['create', 'deployment', 'web', '--image=web', '--replicas=5'])
      await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=30s'])
    } finally {
      await cluster.delete()
    }
  })
})
