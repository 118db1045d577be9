import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ContainerStatus, Pod, PodSpec } from '../api/generated/core.v1.ts'
import { pods } from '../api/generated/resources.ts'
import type { RunningComponent } from '../client/component.ts'
import { createInformers } from '../client/informers/informers.ts'
import { testContext, type TestContext } from '../client/testing/test-context.ts'
import { seededRandom, type Random } from '../machinery/random.ts'
import { createSimulatedRuntime } from './runtime/simulated/simulated-runtime.ts'
import type { ContainerRuntime } from './runtime/runtime.ts'
import { startKubelet } from './start-kubelet.ts'
import { faultyRuntime, type FaultyRuntime } from './testing/faulty-runtime.ts'
import { aContainer, aPod } from './testing/pod-builder.ts'

const specs: readonly Partial<PodSpec>[] = [
  {},
  { restartPolicy: 'Never', containers: [aContainer('app', { command: ['sleep', '3'] })] },
  {
    restartPolicy: 'OnFailure',
    containers: [aContainer('app', { command: ['sh', '-c', 'sleep 1; exit 1'] })],
  },
  { containers: [aContainer('a'), aContainer('b', { command: ['sleep', '5'] })] },
  {
    restartPolicy: 'Never',
    initContainers: [
      aContainer('first', { command: ['sleep', '1'] }),
      aContainer('proxy', { restartPolicy: 'Always' }),
    ],
    containers: [aContainer('app', { command: ['sleep', '2'] })],
  },
  {
    containers: [
      aContainer('app', {
        readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 },
        livenessProbe: { tcpSocket: { port: 80 }, periodSeconds: 1 },
      }),
    ],
  },
]

describe('the kubelet over a runtime that fails and lies', () => {
  const rows = [
    ...[1, 2, 3, 4, 5, 6, 7, 8, 133].map((seed) => ({ seed, tells: false })),
    ...[1, 2, 3, 4, 5, 6].map((seed) => ({ seed, tells: true })),
  ]
  for (const { seed, tells } of rows) {
    it(`leaks nothing and never takes a status back (seed ${seed}${tells ? ', with events' : ''})`, async () => {
      const world = await startWorld(seed, tells)
      try {
        await misbehave(world)
        await settle(world)
        await assertSettled(world)
        for (const name of world.alive) await removePod(world, name)
        await world.context.clock.advance(400_000)
        assert.deepEqual(await world.inner.listSandboxes(), [])
        assert.deepEqual(await world.inner.listContainers(), [])
        assert.deepEqual((await world.context.client.list(pods)).items, [])
      } finally {
        await world.stop()
      }
    })
  }
})

describe('a kubelet that stops while it starts a container', () => {
  const job = {
    restartPolicy: 'Never',
    containers: [aContainer('app', { command: ['sleep', '60'] })],
  } as const

  /** Stops the kubelet in the middle of a start, and lets the next one begin with a listing from `before` it. */
  async function comeBack(stopAfterMs: number, past: 'stale' | 'current') {
    const context = testContext()
    const { clock, client } = context
    const inner = createSimulatedRuntime({ clock, sandboxDelayMs: 100, startDelayMs: 500 })
    const started: string[] = []
    let isPast = false
    const { events: _events, ...quiet } = inner
    const runtime: ContainerRuntime = {
      ...quiet,
      listContainers: async (filter) => (isPast ? [] : inner.listContainers(filter)),
      async startContainer(id) {
        await inner.startContainer(id)
        started.push(id)
      },
    }
    const start = async () => {
      const informers = createInformers({ ...context })
      const kubelet = await startKubelet(
        { ...context, informers },
        { nodeName: 'node-1', nodeIPs: ['192.0.2.1'], runtime: { type: 'given', runtime } },
      )
      await kubelet.ready
      return { kubelet, informers }
    }
    const stop = async ({ kubelet, informers }: Awaited<ReturnType<typeof start>>) => {
      await kubelet.stop()
      await informers.stop()
    }
    const first = await start()
    await client.create(pods, aPod('job', job))
    await clock.advance(stopAfterMs)
    await stop(first)
    isPast = past === 'stale'
    const second = await start()
    await clock.advance(1000)
    isPast = false
    await clock.advance(120_000)
    const pod = await client.get(pods, { namespace: 'default', name: 'job' })
    await stop(second)
    return { started, pod }
  }

  for (const [stopAfterMs, when] of [
    [300, 'while the runtime starts it'],
    [5000, 'when it runs'],
  ] as const) {
    for (const past of ['current', 'stale'] as const) {
      it(`does not start it twice: ${when}, ${past} listing`, async () => {
        const { started, pod } = await comeBack(stopAfterMs, past)
        assert.equal(started.length, 1)
        assert.equal(pod.status?.phase, 'Succeeded')
        assert.equal(pod.status?.containerStatuses?.[0]?.restartCount, 0)
      })
    }
  }
})

interface World {
  readonly context: TestContext
  readonly random: Random
  readonly inner: ContainerRuntime
  readonly faulty: FaultyRuntime
  readonly alive: Set<string>
  restart(): Promise<void>
  stop(): Promise<void>
}

async function startWorld(seed: number, tells: boolean): Promise<World> {
  const context = testContext()
  const random = seededRandom(seed)
  const { clock } = context
  const inner = createSimulatedRuntime({ clock, sandboxDelayMs: 100, startDelayMs: 30, stopDelayMs: 50 })
  const faulty = faultyRuntime(inner, random, { tells })
  let kubelet: RunningComponent
  let informers = context.informers
  const watch = new AbortController()
  void guardStatuses(context, watch.signal)

  async function start(): Promise<void> {
    const rate = faulty.rate
    Object.assign(faulty, { rate: 0, isAway: false })
    informers = createInformers({ ...context })
    kubelet = await startKubelet(
      { ...context, informers },
      { nodeName: 'node-1', nodeIPs: ['192.0.2.1'], runtime: { type: 'given', runtime: faulty.runtime } },
    )
    await kubelet.ready
    faulty.rate = rate
  }
  await start()
  return {
    context,
    random,
    inner,
    faulty,
    alive: new Set(),
    async restart() {
      await kubelet.stop()
      await informers.stop()
      await start()
    },
    async stop() {
      watch.abort()
      await kubelet.stop()
      await informers.stop()
    },
  }
}

/** Two minutes of creating, deleting, crashing and restarting. */
async function misbehave(world: World): Promise<void> {
  const { context, random, inner, faulty, alive } = world
  const pick = <T>(items: readonly T[]) => items[Math.floor(random.next() * items.length)]
  faulty.rate = 0.1
  for (let step = 0; step < 60; step++) {
    const dice = random.next()
    if (dice < 0.25) {
      const name = `pod-${step}`
      await context.client.create(pods, aPod(name, pick(specs)))
      alive.add(name)
    } else if (dice < 0.4) {
      const name = pick([...alive])
      if (name !== undefined) await removePod(world, name)
    } else if (dice < 0.5) {
      const victim = pick(await inner.listContainers())
      if (victim) await inner.stopContainer(victim.id, 0)
    } else if (dice < 0.55) {
      const victim = pick(await inner.listSandboxes())
      if (victim) await inner.stopSandbox(victim.id)
    } else if (dice < 0.6) {
      faulty.isAway = !faulty.isAway
    } else if (dice < 0.65) {
      await world.restart()
    }
    await context.clock.advance(2000 * random.next())
  }
}

async function removePod({ context, alive }: World, name: string): Promise<void> {
  alive.delete(name)
  await context.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 1 })
}

async function settle({ context, faulty }: World): Promise<void> {
  faulty.rate = 0
  faulty.isAway = false
  await context.clock.advance(700_000)
}

/** Everything that runs is wanted, everything that is wanted runs, once. */
async function assertSettled({ context, inner, alive }: World): Promise<void> {
  const { items } = await context.client.list(pods)
  assert.deepEqual(new Set(items.map(({ metadata }) => metadata?.name)), alive)
  const byUID = new Map(items.map((pod) => [pod.metadata?.uid, pod]))
  const ready = (await inner.listSandboxes()).filter(({ state }) => state === 'ready')
  const running = (await inner.listContainers()).filter(({ state }) => state === 'running')
  for (const { uid } of ready) {
    assert.ok(byUID.has(uid), 'a sandbox of a pod that is gone')
    assert.equal(ready.filter((other) => other.uid === uid).length, 1, 'two sandboxes of one pod')
  }
  for (const { labels, name } of running) {
    const uid = labels['io.kubernetes.pod.uid']
    assert.ok(byUID.has(uid), 'a container of a pod that is gone')
    const namesakes = running.filter(
      (other) => other.labels['io.kubernetes.pod.uid'] === uid && other.name === name,
    )
    assert.equal(namesakes.length, 1, 'two instances of one container')
  }
  for (const pod of items) {
    const own = running.filter(({ labels }) => labels['io.kubernetes.pod.uid'] === pod.metadata?.uid)
    const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
    if (ended) assert.deepEqual(own, [], `${pod.metadata?.name} has ended and runs`)
    const forEver = (pod.spec?.containers ?? []).filter(({ command }) => command === undefined)
    if (pod.spec?.restartPolicy !== 'Always')
      assert.ok(ended || own.length > 0 || pod.spec?.restartPolicy === 'OnFailure')
    else
      for (const { name } of forEver) {
        assert.ok(
          own.some((container) => container.name === name),
          `${pod.metadata?.name}/${name} does not run`,
        )
        const status = pod.status?.containerStatuses?.find((status) => status.name === name)
        assert.ok(status?.state?.running, `${pod.metadata?.name}/${name} is not told to run`)
      }
  }
}

/** Fails the process when a status that the API server is told goes back. */
async function guardStatuses({ client }: TestContext, signal: AbortSignal): Promise<void> {
  const before = new Map<string, Pod>()
  for await (const { type, object } of client.watch(pods, { signal })) {
    const uid = object.metadata?.uid ?? ''
    const last = before.get(uid)
    if (type === 'MODIFIED' && last) assertForward(last, object)
    before.set(uid, object)
  }
}

function assertForward(last: Pod, next: Pod): void {
  const what = `${next.metadata?.name}: ${JSON.stringify(last.status)} then ${JSON.stringify(next.status)}`
  if (last.status?.phase === 'Succeeded' || last.status?.phase === 'Failed') {
    assert.equal(next.status?.phase, last.status.phase, what)
  }
  const all = ({ status }: Pod) => [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
  ]
  for (const status of all(last)) {
    const later: ContainerStatus | undefined = all(next).find(({ name }) => name === status.name)
    assert.ok((later?.restartCount ?? 0) >= status.restartCount, what)
    const isFinal = next.spec?.restartPolicy === 'Never' && status.state?.terminated !== undefined
    const isMain = next.spec?.containers.some(({ name }) => name === status.name)
    if (isFinal && isMain) assert.ok(later?.state?.terminated, what)
  }
}
