import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sleep, systemClock } from '../machinery/clock.ts'
import { silentLogger } from '../machinery/log.ts'
import { createObserver, type Observer } from './pods/observer.ts'
import { openCriRuntime } from './runtime/cri/cri-runtime.ts'
import type { ContainerRuntime } from './runtime/runtime.ts'
import {
  app,
  eventually,
  isRunning,
  prepareContainerWorld,
  type ContainerWorld,
} from './testing/container-world.ts'
import { whyNoContainers } from './testing/containerd.ts'
import { aShell } from './testing/pod-builder.ts'

/** How long the observer lists beside the events. */
const overlapMs = 5000

describe('events of containerd', { skip: whyNoContainers() ?? false }, () => {
  let world: ContainerWorld
  let runtime: ContainerRuntime
  let observer: Observer
  const calls = { listings: 0, subscriptions: 0 }

  before(async () => {
    world = await prepareContainerWorld('10.213.31.0/24')
    await world.kubelet.start()
    const opened = await openCriRuntime({ socket: world.containerd.socket })
    runtime = {
      ...opened,
      async listSandboxes(filter) {
        if (!filter) calls.listings++
        return await opened.listSandboxes(filter)
      },
      async *events(signal) {
        for await (const event of opened.events!(signal)) {
          if (event.type === 'subscribed') calls.subscriptions++
          yield event
        }
      },
    }
    observer = createObserver({ runtime, clock: systemClock, log: silentLogger, onChange() {} })
    await observer.relist()
    observer.start(() => true)
  })

  after(async () => {
    observer?.stop()
    await runtime?.close()
    await world?.stop()
  })

  /** Nothing is listed any more. */
  async function untilTold(subscriptions: number): Promise<void> {
    await eventually(async () => calls.subscriptions === subscriptions)
    await sleep(systemClock, overlapMs + 2000)
    calls.listings = 0
  }
  const stateOf = (uid = '') => observer.get(uid).containers.map(({ state }) => state)

  it('tell of starts and ends of containers and sandboxes, without listing', async () => {
    await untilTold(1)
    await world.create('ends', {
      restartPolicy: 'Never',
      containers: [aShell('app', 'while ! test -f /tmp/end; do sleep 0.05; done; exit 3')],
    })
    const pod = await world.kubelet.waitFor('ends', isRunning)
    const { uid } = pod.metadata ?? {}
    await eventually(async () => stateOf(uid).join() === 'running')
    const id = app(pod)!.containerID!.split('://')[1]!
    await runtime.execSync(id, ['/bin/touch', '/tmp/end'], 5)
    await eventually(async () => stateOf(uid).join() === 'exited')
    assert.equal(observer.get(uid!).containers[0]?.exitCode, 3)
    await world.remove('ends')
    await eventually(async () => observer.get(uid!).sandboxes.length === 0)
    assert.equal(calls.listings, 0)
  })

  it('tell that memory ran out', async () => {
    await world.create('hungry', {
      restartPolicy: 'Never',
      containers: [
        aShell('app', 'x=a; while true; do x=$x$x; done', { resources: { limits: { memory: '16Mi' } } }),
      ],
    })
    await world.kubelet.waitFor('hungry', (pod) => app(pod)?.state?.terminated?.reason === 'OOMKilled')
    await world.remove('hungry')
  })

  it('are followed again when containerd comes back, and what ended meanwhile is seen', async () => {
    await world.create('lasting', { containers: [aShell('app', 'while true; do sleep 1; done')] })
    const { metadata, status } = await world.kubelet.waitFor('lasting', isRunning)
    const uid = metadata?.uid ?? ''
    await eventually(async () => stateOf(uid).join() === 'running')
    await world.containerd.kill()
    await assert.rejects(runtime.status())
    await world.containerd.start()
    await eventually(async () => calls.subscriptions === 2)
    assert.deepEqual(stateOf(uid), ['running'])
    const id = status!.containerStatuses![0]!.containerID!.split('://')[1]!
    await runtime.stopContainer(id, 0)
    await world.kubelet.waitFor('lasting', (pod) => app(pod)?.restartCount === 1)
    await eventually(async () => observer.get(uid).containers.some((container) => container.id !== id))
    await untilTold(2)
    await world.remove('lasting')
    await eventually(async () => observer.get(uid).sandboxes.length === 0)
    assert.equal(calls.listings, 0)
  })
})
