import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { pods as podResource } from '../api/generated/resources.ts'
import { systemClock } from '../machinery/clock.ts'
import { namesOf } from '../machinery/image-reference.ts'
import { imageVolumeProblem } from './images/image-volume-support.ts'
import type { ContainerConfig, ContainerRuntime, Mount, RuntimeVersion } from './runtime/runtime.ts'
import { createSimulatedRuntime } from './runtime/simulated/simulated-runtime.ts'
import { app, waitingReason } from './testing/container-world.ts'
import { kubeletHarness } from './testing/kubelet-harness.ts'
import { aContainer, aPod } from './testing/pod-builder.ts'

/** A kubelet whose runtime says it is this version, and what containers it was asked for. */
async function setUp(
  t: TestContext,
  version: RuntimeVersion,
  pullError?: (image: string) => string | undefined,
) {
  const inner = createSimulatedRuntime({ clock: systemClock, ...(pullError && { pullError }) })
  const configs: ContainerConfig[] = []
  const runtime: ContainerRuntime = {
    ...inner,
    version: async () => version,
    createContainer: (sandboxID, config, sandbox) => {
      configs.push(config)
      return inner.createContainer(sandboxID, config, sandbox)
    },
  }
  const kubelet = kubeletHarness({
    nodeName: 'node-1',
    nodeIPs: ['192.0.2.1'],
    runtime: { type: 'given', runtime },
  })
  await kubelet.start()
  t.after(() => kubelet.stop())
  return { kubelet, configs }
}

const pod = (name: string) =>
  aPod(name, {
    volumes: [{ name: 'data', image: { reference: 'team/data:1', pullPolicy: 'IfNotPresent' } }],
    containers: [
      aContainer('app', {
        volumeMounts: [
          { name: 'data', mountPath: '/data' },
          { name: 'data', mountPath: '/part', subPath: 'a/b' },
        ],
      }),
    ],
  })

describe('image volumes', () => {
  it('are pulled and given to the runtime, to read', async (t: TestContext) => {
    const { kubelet, configs } = await setUp(t, { runtimeName: 'containerd', runtimeVersion: '2.1.3' })
    await kubelet.client.create(podResource, pod('web'))
    await kubelet.waitFor('web', ({ status }) => status?.phase === 'Running')
    const images = configs[0]!.mounts.map(({ containerPath, hostPath, readonly, image }: Mount) => ({
      containerPath,
      hostPath,
      readonly,
      subPath: image?.subPath,
    }))
    assert.deepEqual(images.slice(0, 2), [
      { containerPath: '/data', hostPath: '', readonly: true, subPath: '' },
      { containerPath: '/part', hostPath: '', readonly: true, subPath: 'a/b' },
    ])
    assert.match(configs[0]!.mounts[0]!.image?.ref ?? '', /team\/data/)
    const told = (await kubelet.eventsOf('web')).map(({ message, involvedObject }) => [
      involvedObject.fieldPath,
      message,
    ])
    assert.ok(told.some(([field, message]) => !field && message === 'Pulling image "team/data:1"'))
  })

  it('keep the container waiting while they cannot be pulled', async (t: TestContext) => {
    const { kubelet } = await setUp(t, { runtimeName: 'cri-o', runtimeVersion: '1.33.0' }, (image) =>
      image.includes('data') ? 'not found' : undefined,
    )
    await kubelet.client.create(podResource, pod('web'))
    await kubelet.waitFor('web', (found) => waitingReason(found) === 'ErrImagePull')
  })

  it('are refused where the runtime would not mount them', async (t: TestContext) => {
    const { kubelet, configs } = await setUp(t, { runtimeName: 'containerd', runtimeVersion: '1.6.20~ds1' })
    await kubelet.client.create(podResource, pod('web'))
    const found = await kubelet.waitFor('web', (seen) => waitingReason(seen) === 'CreateContainerConfigError')
    assert.match(
      app(found)?.state?.waiting?.message ?? '',
      /^image volumes are not supported by containerd 1\.6/,
    )
    assert.equal(configs.length, 0)
  })
})

describe('imageVolumeProblem', () => {
  const rows = [
    ['containerd', 'v2.1.0', false],
    ['containerd', '2.2.0-rc.1', false],
    ['containerd', '3.0.0', false],
    ['containerd', '2.0.5', true],
    ['containerd', '1.7.27', true],
    ['cri-o', '1.30.0', false],
  ] as const
  for (const [runtimeName, runtimeVersion, isProblem] of rows) {
    it(`${runtimeName} ${runtimeVersion}`, () => {
      assert.equal(imageVolumeProblem({ runtimeName, runtimeVersion }) !== undefined, isProblem)
    })
  }
})

describe('namesOf', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const rows = [
    ['busybox', 'docker.io/library/busybox:latest'],
    ['team/app:1', 'docker.io/team/app:1'],
    [`registry.example/app@${digest}`, `registry.example/app@${digest}`],
    ['not an image', 'not an image'],
  ] as const
  for (const [image, name] of rows) it(image, () => assert.ok(namesOf(image).includes(name)))
})
