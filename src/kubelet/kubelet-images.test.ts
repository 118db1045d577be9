import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { secrets } from '../api/generated/resources.ts'
import { whyNoContainers } from './testing/containerd.ts'
import {
  app,
  eventually,
  hasEnded,
  prepareContainerWorld,
  waitingReason,
  type ContainerWorld,
} from './testing/container-world.ts'
import { aContainer } from './testing/pod-builder.ts'
import { startTestRegistry, type TestRegistry } from './testing/registry.ts'

const credentials = 'joe:secret'

describe('pods and the images they need', { skip: whyNoContainers() ?? false, concurrency: true }, () => {
  let world: ContainerWorld
  let registry: TestRegistry
  before(async () => {
    world = await prepareContainerWorld('10.213.12.0/24')
    const busybox = { path: 'bin/busybox', content: await readFile('/usr/bin/busybox'), mode: 0o755 }
    const image = { name: 'team/app:1', files: [busybox], user: '1000' }
    registry = await startTestRegistry(image, credentials)
    // Not the same image under another name: what was pulled by the one would not be free by the other.
    const other = { path: 'etc/other', content: Buffer.from('other'), mode: 0o644 }
    await world.containerd.import({ ...image, name: 'k8ts.test/user:1', files: [busybox, other] })
    await world.kubelet.start()
    await world.kubelet.client.create(secrets, pullSecret('good', credentials))
    await world.kubelet.client.create(secrets, pullSecret('wrong', 'joe:guess'))
  })
  after(async () => {
    await registry?.stop()
    await world?.stop()
  })

  function pullSecret(name: string, user: string) {
    const config = { auths: { [registry.host]: { auth: Buffer.from(user).toString('base64') } } }
    const data = { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') }
    return { metadata: { namespace: 'default', name }, type: 'kubernetes.io/dockerconfigjson', data }
  }

  const pulling = (image: string, ...names: string[]) => ({
    restartPolicy: 'Never' as const,
    imagePullSecrets: names.map((name) => ({ name })),
    containers: [
      aContainer('app', { image, imagePullPolicy: 'Always', command: ['/bin/busybox', 'id', '-u'] }),
    ],
  })

  it('tells that a private image cannot be had, and waits longer and longer', async () => {
    await world.create('stranger', pulling(`${registry.host}/team/app:1`))
    await world.kubelet.waitFor('stranger', (pod) => waitingReason(pod) === 'ErrImagePull')
    const pod = await world.kubelet.waitFor('stranger', (pod) => waitingReason(pod) === 'ImagePullBackOff')
    const image = `${registry.host}/team/app:1`
    const message = app(pod)?.state?.waiting?.message ?? ''
    assert.ok(message.startsWith(`Back-off pulling image "${image}": ErrImagePull: `), message)
    const told = (await world.kubelet.eventsOf('stranger')).map(
      ({ reason, message }) => `${reason}: ${message}`,
    )
    for (const expected of [
      `Pulling: Pulling image "${image}"`,
      'Failed: Error: ErrImagePull',
      `BackOff: Back-off pulling image "${image}"`,
      'Failed: Error: ImagePullBackOff',
    ]) {
      assert.ok(told.includes(expected), `${expected} is not among ${told.join('\n')}`)
    }
    assert.ok(!JSON.stringify([pod, told]).includes('secret'))
    await world.remove('stranger')
  })

  it('pulls a private image with the secret that fits, whichever it is', async () => {
    await world.create('friend', pulling(`${registry.host}/team/app:1`, 'none', 'wrong', 'good'))
    const pod = await world.kubelet.waitFor('friend', hasEnded)
    assert.equal(pod.status?.phase, 'Succeeded')
    await eventually(async () => (await world.logOf(pod, 'app')) === '1000\n')
    const reasons = (await world.kubelet.eventsOf('friend')).map(({ reason }) => reason)
    assert.ok(reasons.includes('FailedToRetrieveImagePullSecret'))
    await world.remove('friend')
  })

  it('asks again for an image that another pod has pulled, when told to (pull policy Always)', async () => {
    await world.create('first', pulling(`${registry.host}/team/app:1`, 'good'))
    await world.kubelet.waitFor('first', hasEnded)
    await world.create('second', pulling(`${registry.host}/team/app:1`))
    await world.kubelet.waitFor('second', (pod) => waitingReason(pod) === 'ErrImagePull')
    await world.remove('first')
    await world.remove('second')
  })

  it('gives a private image that is here only to pods that could pull it', async () => {
    const image = `${registry.host}/team/app:1`
    const having = (imagePullPolicy: 'IfNotPresent' | 'Never', ...names: string[]) => {
      const spec = pulling(image, ...names)
      return { ...spec, containers: spec.containers.map((container) => ({ ...container, imagePullPolicy })) }
    }
    await world.create('owner', pulling(image, 'good'))
    await world.kubelet.waitFor('owner', hasEnded)
    await world.kubelet.client.create(secrets, pullSecret('same', credentials))
    const rows = [
      ['without', having('IfNotPresent'), 'ErrImagePull'],
      ['without-never', having('Never'), 'ErrImageNeverPull'],
      ['guessing', having('IfNotPresent', 'wrong'), 'ErrImagePull'],
    ] as const
    for (const [name, spec, reason] of rows) {
      await world.create(name, spec)
      await world.kubelet.waitFor(name, (pod) => waitingReason(pod) === reason)
      await world.remove(name)
    }
    for (const [name, spec] of [
      ['with', having('IfNotPresent', 'good')],
      ['with-never', having('Never', 'same')],
    ] as const) {
      await world.create(name, spec)
      assert.equal((await world.kubelet.waitFor(name, hasEnded)).status?.phase, 'Succeeded')
      const reasons = (await world.kubelet.eventsOf(name)).map(({ reason }) => reason)
      assert.ok(!reasons.includes('Pulling'), reasons.join())
      await world.remove(name)
    }
    await world.remove('owner')
  })

  it('keeps user and seccomp profile at every start (CVE-2019-11245, CVE-2023-2431)', async () => {
    const context = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' as const } }
    const script = '/bin/busybox id -u; /bin/busybox grep Seccomp: /proc/self/status; exit 1'
    await world.create('again', {
      containers: [
        aContainer('app', {
          image: 'k8ts.test/user:1',
          command: ['/bin/busybox', 'sh', '-c', script],
          securityContext: context,
        }),
      ],
    })
    const started = (times: number) =>
      world.kubelet.waitFor('again', (pod) => {
        const { restartCount = 0, state, lastState } = app(pod) ?? {}
        return restartCount >= times && (state?.terminated ?? lastState?.terminated) !== undefined
      })
    const first = await started(0)
    /** The runtime may still be writing when the container has ended. */
    const logged = (attempt: number) =>
      eventually(async () => (await world.logOf(first, 'app', attempt)) === '1000\nSeccomp:\t2\n')
    await logged(0)
    await world.kubelet.stop()
    await world.kubelet.start()
    await started(1)
    await logged(1)
    await world.remove('again')
  })
})
