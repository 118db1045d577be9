import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Pod, PodSpec } from '../../api/generated/core.v1.ts'
import { nodes, pods } from '../../api/generated/resources.ts'
import { testContext } from '../../client/testing/test-context.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { emptyObservation } from '../pods/observation.ts'
import { createSimulatedRuntime } from '../runtime/simulated/simulated-runtime.ts'
import { startKubelet } from '../start-kubelet.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { podDirectory } from '../volumes/pod-directory.ts'
import { refusalUnderPressure } from './admit-under-pressure.ts'
import { shortageFailure, storageFailure } from './eviction-failure.ts'
import { podUsages } from './pod-usage.ts'
import { findPressures, noPressure } from './pressure.ts'
import { rankPods, type PodUsage } from './rank-pods.ts'
import { hardThresholds, isCrossed, parseAmount, softThresholds, type Readings } from './threshold.ts'

const mebi = 1024 * 1024
const memory = (available: number): Readings =>
  new Map([['memory.available', { available, capacity: 1000 * mebi }]])
const asking = (name: string, bytes: string, spec: Partial<PodSpec> = {}) =>
  aPod(name, { containers: [aContainer('app', { resources: { requests: { memory: bytes } } })], ...spec })
const using = (pod: Pod, memoryBytes: number, storageBytes = 0): PodUsage => ({
  pod,
  containers: [{ name: 'app', memoryBytes, storageBytes, inodes: 0 }],
  volumes: new Map(),
  filesBytes: 0,
})

describe('parseAmount', () => {
  it('reads parts and quantities', () => {
    assert.deepEqual(parseAmount('10%'), { fraction: 0.1 })
    assert.deepEqual(parseAmount('1Mi'), { quantity: mebi })
    assert.throws(() => parseAmount('110%'), /percentage/)
    assert.throws(() => hardThresholds({ 'memory.free': '1Mi' }), /unsupported eviction signal memory.free/)
    assert.deepEqual(hardThresholds({ 'nodefs.available': '0%' }), [])
  })
})

describe('isCrossed', () => {
  const [threshold] = hardThresholds({ 'memory.available': '100Mi' }, { 'memory.available': '50Mi' })
  const at = (available: number) => ({ available: available * mebi, capacity: 1000 * mebi })
  const rows: readonly (readonly [number, boolean, boolean])[] = [
    [100, false, false],
    [99, false, true],
    [149, true, true],
    [150, true, false],
  ]
  for (const [available, was, expected] of rows) {
    it(`${available}Mi, ${was ? 'crossed' : 'not crossed'} before: ${expected}`, () => {
      assert.equal(isCrossed(threshold!, at(available), was), expected)
    })
  }
})

describe('findPressures', () => {
  const hard = hardThresholds({ 'nodefs.available': '10%', 'memory.available': '100Mi' })
  const soft = softThresholds({ 'memory.available': '200Mi' }, { 'memory.available': 30_000 })

  it('acts on a soft threshold only behind its grace', () => {
    const first = findPressures(soft, memory(150 * mebi), noPressure, 1000, 60_000)
    assert.deepEqual([...first.conditions], ['MemoryPressure'])
    assert.deepEqual(first.due, [])
    assert.deepEqual(findPressures(soft, memory(150 * mebi), first.memory, 31_000, 60_000).due, soft)
    const recovered = findPressures(soft, memory(250 * mebi), first.memory, 20_000, 60_000)
    assert.deepEqual(findPressures(soft, memory(150 * mebi), recovered.memory, 31_000, 60_000).due, [])
  })

  it('tells a pressure until the transition period is over', () => {
    const first = findPressures(hard, memory(0), noPressure, 1000, 60_000)
    const calm = findPressures(hard, memory(500 * mebi), first.memory, 50_000, 60_000)
    assert.deepEqual([...calm.conditions], ['MemoryPressure'])
    assert.deepEqual(calm.due, [])
    const over = findPressures(hard, memory(500 * mebi), calm.memory, 61_000, 60_000)
    assert.deepEqual([...over.conditions], [])
  })

  it('puts memory before disk', () => {
    const both: Readings = new Map([...memory(0), ['nodefs.available', { available: 0, capacity: 100 }]])
    const { due } = findPressures(hard, both, noPressure, 0, 0)
    assert.deepEqual(
      due.map(({ signal }) => signal),
      ['memory.available', 'nodefs.available'],
    )
  })
})

describe('rankPods', () => {
  const names = (ranked: readonly PodUsage[]) => ranked.map(({ pod }) => pod.metadata?.name)
  const modest = using(asking('modest', '100Mi', { priority: -10 }), 90 * mebi)
  const greedy = using(asking('greedy', '10Mi', { priority: 100 }), 20 * mebi)
  const greedier = using(asking('greedier', '10Mi', { priority: 100 }), 30 * mebi)
  const humble = using(asking('humble', '10Mi', { priority: 1 }), 11 * mebi)

  it('ends first who takes more than asked for, then the least important, then who takes most', () => {
    assert.deepEqual(names(rankPods('memory.available', [modest, greedy, greedier, humble])), [
      'humble',
      'greedier',
      'greedy',
      'modest',
    ])
  })

  it('goes by priority alone where nothing is asked for', () => {
    assert.deepEqual(names(rankPods('pid.available', [greedy, humble, modest])), [
      'modest',
      'humble',
      'greedy',
    ])
  })
})

describe('messages of evictions', () => {
  it('name the resource, the threshold and who takes too much', () => {
    const [threshold] = hardThresholds({ 'memory.available': '100Mi' })
    const usage = using(asking('pod', '10Mi'), 20 * mebi)
    const { reason, message } = shortageFailure(usage, threshold!, { available: 50 * mebi, capacity: 0 }, 1)
    assert.equal(reason, 'Evicted')
    assert.equal(
      message,
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container app was using 20Mi, request is 10Mi, has larger consumption of memory. ',
    )
  })

  it('name the limit of local storage that was passed', () => {
    const limits = { 'ephemeral-storage': '1Mi' }
    const limited = aPod('pod', {
      containers: [aContainer('app', { resources: { limits } }), aContainer('b')],
    })
    assert.equal(storageFailure(using(limited, 0, mebi)), undefined)
    assert.equal(
      storageFailure(using(limited, 0, 2 * mebi))?.message,
      'Container app exceeded its local ephemeral storage limit "1Mi". ',
    )
    const volume = aPod('pod', { volumes: [{ name: 'data', emptyDir: { sizeLimit: '1Mi' } }] })
    assert.equal(
      storageFailure({ ...using(volume, 0), volumes: new Map([['data', 2 * mebi]]) })?.message,
      'Usage of EmptyDir volume "data" exceeds the limit "1Mi". ',
    )
  })
})

describe('podUsages', () => {
  it('count what containers write to /etc/hosts and as their last words (CVE-2020-8557)', async () => {
    const rootDirectory = await mkdtemp(join(tmpdir(), 'k8ts-usage-'))
    try {
      const limits = { 'ephemeral-storage': '1Mi' }
      const pod = aPod('pod', { containers: [aContainer('app', { resources: { limits } })] }, { uid: 'uid' })
      const directory = podDirectory(rootDirectory, 'uid')
      await mkdir(join(directory.path, 'containers/app'), { recursive: true })
      const runtime = { ...createSimulatedRuntime({ clock: fakeClock() }), usesHost: true }
      const observed = () => emptyObservation('uid', 'pod', 'default')
      const failure = async () => {
        const [usage] = await podUsages({ runtime, rootDirectory, observed }, [pod])
        return storageFailure(usage!)
      }
      assert.equal(await failure(), undefined)
      await writeFile(directory.hostsFile, Buffer.alloc(700_000, 1))
      await writeFile(directory.terminationLog('app', 0), Buffer.alloc(700_000, 1))
      assert.equal(
        (await failure())?.message,
        'Pod ephemeral local storage usage exceeds the total limit of containers 1Mi. ',
      )
    } finally {
      await rm(rootDirectory, { recursive: true })
    }
  })
})

describe('refusalUnderPressure', () => {
  const tolerations = [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' as const }]
  const rows: readonly (readonly [string, Pod, readonly ('MemoryPressure' | 'DiskPressure')[], boolean])[] = [
    ['nothing', aPod('a'), [], false],
    ['memory, asks for none', aPod('a'), ['MemoryPressure'], true],
    ['memory, asks for some', asking('a', '1Mi'), ['MemoryPressure'], false],
    ['memory, tolerates it', aPod('a', { tolerations }), ['MemoryPressure'], false],
    ['disk', asking('a', '1Mi', { tolerations }), ['DiskPressure'], true],
    ['disk, critical', aPod('a', { priority: 2_000_001_000 }), ['DiskPressure'], false],
  ]
  for (const [name, pod, pressures, refused] of rows) {
    it(`${name}: ${refused ? 'refused' : 'let in'}`, () => {
      const refusal = refusalUnderPressure(pod, new Set(pressures))
      assert.equal(refusal !== undefined, refused)
      if (refusal) {
        assert.equal(refusal.message, `Pod was rejected: The node had condition: [${pressures.join(' ')}]. `)
      }
    })
  }
})

describe('a kubelet on a node that is short of memory', () => {
  it('says so, ends one pod at a time until it is not, and lets no more in', async () => {
    const context = testContext()
    const { client, clock } = context
    let available = 1000 * mebi
    const kubelet = await startKubelet(context, {
      nodeName: 'node-1',
      nodeIPs: ['192.0.2.1'],
      runtime: { type: 'simulated' },
      eviction: { read: async () => memory(available) },
    })
    await kubelet.ready
    const names = ['first', 'second', 'system']
    for (const name of names) {
      await client.create(pods, aPod(name, name === 'system' ? { priority: 2_000_000_000 } : {}))
    }
    const find = (name: string) => client.get(pods, { namespace: 'default', name })
    const phases = async () => Promise.all(names.map(async (name) => (await find(name)).status?.phase))
    const pressure = async () => {
      const { status } = await client.get(nodes, { name: 'node-1' })
      return status?.conditions?.find(({ type }) => type === 'MemoryPressure')
    }
    await clock.advance(30_000)
    assert.deepEqual(await phases(), ['Running', 'Running', 'Running'])
    assert.equal((await pressure())?.status, 'False')

    available = 10 * mebi
    await clock.advance(11_000)
    assert.equal((await pressure())?.status, 'True')
    assert.equal((await pressure())?.reason, 'KubeletHasInsufficientMemory')
    assert.equal((await phases()).filter((phase) => phase === 'Failed').length, 1)
    await clock.advance(30_000)
    assert.deepEqual(await phases(), ['Failed', 'Failed', 'Running'])
    const { status } = await find('first')
    assert.equal(status?.reason, 'Evicted')
    assert.match(status?.message ?? '', /^The node was low on resource: memory\. Threshold quantity: 100Mi/)
    const disruption = status?.conditions?.find(({ type }) => type === 'DisruptionTarget')
    assert.deepEqual([disruption?.status, disruption?.reason], ['True', 'TerminationByKubelet'])

    await client.create(pods, aPod('late'))
    await clock.advance(2000)
    const late = await find('late')
    assert.deepEqual([late.status?.phase, late.status?.reason], ['Failed', 'Evicted'])

    available = 1000 * mebi
    await clock.advance(320_000)
    assert.equal((await pressure())?.status, 'False')
    await client.create(pods, aPod('later'))
    await clock.advance(2000)
    assert.equal((await find('later')).status?.phase, 'Running')
    await kubelet.stop()
  })
})
