import assert from 'node:assert/strict'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pods } from '../api/generated/resources.ts'
import { openCriRuntime } from './runtime/cri/cri-runtime.ts'
import type { ContainerRuntime } from './runtime/runtime.ts'
import { startTestContainerd, whyNoContainers, type TestContainerd } from './testing/containerd.ts'
import { kubeletHarness, type KubeletHarness } from './testing/kubelet-harness.ts'
import { aContainer, aPod } from './testing/pod-builder.ts'

describe('a kubelet that comes back to its containers', { skip: whyNoContainers() ?? false }, () => {
  let containerd: TestContainerd
  let kubelet: KubeletHarness
  let runtime: ContainerRuntime
  let manifests: string

  before(async () => {
    containerd = await startTestContainerd()
    manifests = join(containerd.directory, 'manifests')
    await mkdir(manifests)
    kubelet = kubeletHarness({
      nodeName: 'node-1',
      nodeIPs: ['192.0.2.10'],
      runtime: { type: 'cri', socket: containerd.socket },
      rootDirectory: join(containerd.directory, 'kubelet'),
      podLogsDirectory: join(containerd.directory, 'logs'),
      containerLogsDirectory: '',
      cgroupRoot: containerd.cgroupRoot,
      staticPodDirectory: manifests,
      podCIDRs: ['10.213.8.0/24'],
      cni: {
        directory: containerd.cniDirectory,
        bridge: containerd.bridge,
        addressDirectory: join(containerd.directory, 'addresses'),
        ipMasquerade: false,
      },
    })
    await kubelet.start()
    runtime = await openCriRuntime({ socket: containerd.socket })
  })

  after(async () => {
    await kubelet?.stop()
    await runtime?.close()
    await containerd?.stop()
  })

  const isRunning = (pod: { status?: { phase?: string } }) => pod.status?.phase === 'Running'

  it('leaves alone what runs, and ends what is not wanted any more', async () => {
    await kubelet.client.create(pods, aPod('stays'))
    await kubelet.client.create(pods, aPod('goes'))
    const stays = await kubelet.waitFor('stays', isRunning)
    const goes = await kubelet.waitFor('goes', isRunning)
    await kubelet.stop()
    await kubelet.client.delete(pods, { namespace: 'default', name: 'goes' }, { gracePeriodSeconds: 0 })
    await kubelet.start()
    await until(async () => {
      const containers = await runtime.listContainers({ podUID: goes.metadata?.uid ?? '' })
      const sandboxes = await runtime.listSandboxes({ podUID: goes.metadata?.uid ?? '' })
      return containers.length === 0 && sandboxes.length === 0
    })
    const now = await kubelet.waitFor('stays', isRunning)
    assert.equal(
      now.status?.containerStatuses?.[0]?.containerID,
      stays.status?.containerStatuses?.[0]?.containerID,
    )
    assert.equal(now.status?.containerStatuses?.[0]?.restartCount, 0)
  })

  it('leaves containers alone when the runtime restarts', async () => {
    const before = await kubelet.waitFor('stays', isRunning)
    await containerd.kill()
    await containerd.start()
    await kubelet.client.create(pods, aPod('later'))
    await kubelet.waitFor('later', isRunning)
    const now = await kubelet.waitFor('stays', isRunning)
    assert.equal(
      now.status?.containerStatuses?.[0]?.containerID,
      before.status?.containerStatuses?.[0]?.containerID,
    )
  })

  it('runs static pods, mirrors them, and ends them with their manifest', async () => {
    const manifest = join(manifests, 'web.yaml')
    const pod = aPod('web', { containers: [aContainer('app')] })
    await writeFile(manifest, JSON.stringify({ ...pod, spec: { ...pod.spec, nodeName: undefined } }))
    const mirror = await kubelet.waitFor('web-node-1', isRunning)
    const hash = mirror.metadata?.annotations?.['kubernetes.io/config.hash']
    assert.equal(mirror.metadata?.annotations?.['kubernetes.io/config.mirror'], hash)
    assert.equal(mirror.metadata?.annotations?.['kubernetes.io/config.source'], 'file')
    assert.equal(mirror.metadata?.ownerReferences?.[0]?.kind, 'Node')

    await kubelet.client.delete(pods, { namespace: 'default', name: 'web-node-1' }, { gracePeriodSeconds: 0 })
    const again = await kubelet.waitFor('web-node-1', (pod) => pod.metadata?.uid !== mirror.metadata?.uid)
    assert.equal(again.metadata?.annotations?.['kubernetes.io/config.hash'], hash)

    await rm(manifest)
    await kubelet.waitGone('web-node-1')
    await until(async () => (await runtime.listSandboxes({ podUID: hash ?? '' })).length === 0)
  })

  it('shows processes of the node as pods', async () => {
    const pidFile = join(containerd.directory, 'component.pid')
    const child = await spawnSleeper(pidFile)
    await writeFile(
      join(manifests, 'component.yaml'),
      JSON.stringify(
        aPod(
          'component',
          { hostNetwork: true, containers: [aContainer('component', { image: 'k8ts' })] },
          { annotations: { 'k8ts.io/process': pidFile, 'k8ts.io/log': '/dev/null' } },
        ),
      ),
    )
    const pod = await kubelet.waitFor('component-node-1', isRunning)
    assert.equal(pod.status?.containerStatuses?.[0]?.containerID, `process://${child.pid}`)
    assert.equal(pod.status?.podIP, '192.0.2.10')

    await kubelet.stop()
    await kubelet.start()
    const same = await kubelet.waitFor('component-node-1', isRunning)
    assert.equal(same.status?.containerStatuses?.[0]?.restartCount, 0)

    child.kill('SIGKILL')
    await kubelet.waitFor('component-node-1', (pod) => !pod.status?.containerStatuses?.[0]?.state?.running)
    const next = await spawnSleeper(pidFile)
    const restarted = await kubelet.waitFor(
      'component-node-1',
      (pod) => pod.status?.containerStatuses?.[0]?.containerID === `process://${next.pid}`,
    )
    assert.equal(restarted.status?.containerStatuses?.[0]?.restartCount, 1)
    assert.ok(restarted.status?.containerStatuses?.[0]?.state?.running)
    next.kill('SIGKILL')
  })
})

async function spawnSleeper(pidFile: string) {
  const { spawn } = await import('node:child_process')
  const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
  await writeFile(pidFile, `${child.pid}\n`)
  assert.equal(Number(await readFile(pidFile, 'utf8')), child.pid)
  return child
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the condition does not become true')
}
