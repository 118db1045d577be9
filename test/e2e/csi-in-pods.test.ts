import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../src/api/generated/core.v1.ts'
import type { CSINode } from '../../src/api/generated/storage.v1.ts'
import { driverManifests, driverPod } from './csi/manifests.ts'
import { driverName } from './harness/csi-driver.ts'
import { withoutContainers } from './harness/machine.ts'
import { writeNodeImage } from './harness/node-image.ts'
import { aPod, shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

const mounted = [{ name: 'data', mountPath: '/data' }]

interface Call {
  readonly method: string
  readonly request: Readonly<Record<string, unknown>>
}

describe(
  'a CSI driver in pods, installed by a manifest as drivers ship it',
  { skip: withoutContainers },
  () => {
    let cluster: TestCluster
    before(async () => {
      cluster = aCluster('csi-pods')
      await cluster.up()
      await cluster.loadTestImage()
      const image = join(cluster.folder, 'node-image.tar')
      const programs = ['driver', 'registrar', 'sidecars']
      const sources = programs.map((name) => [name, `test/e2e/csi/${name}-program.ts`] as const)
      writeFileSync(image, writeNodeImage(Object.fromEntries(sources)))
      const loaded = await cluster.k8ts('image', 'load', image)
      assert.equal(loaded.exitCode, 0, loaded.stderr)
      await cluster.kubectl.apply(...driverManifests(volumes()))
    })
    after(() => cluster.delete())

    const volumes = () => join(cluster.folder, 'csi-volumes')
    const calls = async (method: string) =>
      (await cluster.kubectl(['logs', ...driverPod, '-c', 'driver']))
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Call)
        .filter((call) => call.method === method)
        .map(({ request }) => request)
    const aClaim = (name: string, storage: string): PersistentVolumeClaim => ({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'csi', resources: { requests: { storage } } },
    })
    const using = (name: string, claimName: string, script = sleepScript): Pod =>
      aPod(name, shell(script, { volumeMounts: mounted }), {
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
        terminationGracePeriodSeconds: 1,
      })
    const ready = (pod: string) =>
      cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s'])
    const eventsOf = (name: string) =>
      cluster.kubectl(['get', 'events', '--field-selector', `involvedObject.name=${name}`])

    it('makes itself known by the paths that manifests have', async () => {
      await until('it is registered', async () => {
        const { spec } = await cluster.kubectl.json<CSINode>(['get', 'csinode', 'node1'])
        return spec.drivers.some(({ name, nodeID }) => name === driverName && nodeID === 'node1')
      })
      await until('the registrar is told', async () =>
        (await cluster.kubectl(['logs', ...driverPod, '-c', 'registrar'])).includes('registered'),
      )
    })

    it('provisions where the pod goes, attaches, stages and publishes', async () => {
      await cluster.kubectl.apply(aClaim('disk', '1Gi'))
      await until('the claim waits', async () =>
        /WaitForFirstConsumer +persistentvolumeclaim\/disk +waiting for first consumer to be created before binding/.test(
          await eventsOf('disk'),
        ),
      )
      await cluster.kubectl.apply(using('one', 'disk', `echo content > /data/file; ${sleepScript}`))
      await ready('one')
      const claim = await cluster.kubectl.json<PersistentVolumeClaim>(['get', 'pvc', 'disk'])
      assert.equal(claim.metadata?.annotations?.['volume.kubernetes.io/selected-node'], 'node1')
      assert.equal(claim.metadata.annotations['volume.kubernetes.io/storage-provisioner'], driverName)
      const { spec } = await cluster.kubectl.json<PersistentVolume>([
        'get',
        'pv',
        claim.spec?.volumeName ?? '',
      ])
      assert.deepEqual(spec?.csi?.volumeAttributes, { colour: 'blue' })
      const handle = spec.csi.volumeHandle
      await until('it is written', () => existsSync(join(volumes(), handle, 'file')))
      assert.equal(readFileSync(join(volumes(), handle, 'file'), 'utf8'), 'content\n')
      const [published] = await calls('NodePublishVolume')
      assert.match(String(published?.['targetPath']), /^\/var\/lib\/kubelet\/pods\/[^/]+\/volumes\//)
      assert.match(
        String(published?.['stagingTargetPath']),
        /^\/var\/lib\/kubelet\/plugins\/kubernetes\.io\/csi\//,
      )
      assert.deepEqual(published?.['publishContext'], { device: `/dev/node1/${handle}` })
    })

    it('grows a volume in use', async () => {
      const body = { spec: { resources: { requests: { storage: '2Gi' } } } }
      await cluster.kubectl(['patch', 'pvc', 'disk', '-p', JSON.stringify(body)])
      await until('it has grown', async () => {
        const { status } = await cluster.kubectl.json<PersistentVolumeClaim>(['get', 'pvc', 'disk'])
        return status?.capacity?.['storage'] === '2Gi' && !status.conditions?.length
      })
      const [expanded] = await calls('NodeExpandVolume')
      assert.match(String(expanded?.['volumePath']), /^\/var\/lib\/kubelet\/pods\//)
    })

    it('is not asked for more than it says it has', async () => {
      await cluster.kubectl.apply(aClaim('large', '11Gi'), using('large', 'large'))
      await until('the pod is told', async () =>
        /0\/1 nodes are available: 1 node\(s\) did not have enough free storage/.test(
          await eventsOf('large'),
        ),
      )
      await cluster.kubectl(['delete', 'pod/large', 'pvc/large'])
    })

    it('keeps pods running while it is replaced, and takes its volumes back afterwards', async () => {
      await cluster.kubectl(['rollout', 'restart', ...driverPod])
      await cluster.kubectl(['rollout', 'status', ...driverPod, '--timeout=90s'])
      assert.equal(await cluster.kubectl(['exec', 'one', '--', 'cat', '/data/file']), 'content\n')
      await until('it is registered again', async () =>
        (await cluster.kubectl(['logs', ...driverPod, '-c', 'registrar'])).includes('registered'),
      )
      await cluster.kubectl(['delete', 'pod', 'one'])
      await until(
        'it is detached',
        async () => (await cluster.kubectl(['get', 'volumeattachments', '-o', 'name'])) === '',
      )
      assert.equal((await calls('NodeUnstageVolume')).length, 1)
      assert.equal((await calls('ControllerUnpublishVolume')).length, 1)
    })

    it('deletes a volume with its claim', async () => {
      await cluster.kubectl(['delete', 'pvc', 'disk'])
      await until(
        'the volume is gone',
        async () => (await cluster.kubectl(['get', 'pv', '-o', 'name'])) === '',
      )
      assert.deepEqual(readdirSync(volumes()), [])
    })

    it('has volumes inside of pods', async () => {
      const pod = aPod('inline', shell('echo x > /data/file; cat /data/file', { volumeMounts: mounted }), {
        volumes: [{ name: 'data', csi: { driver: driverName } }],
        restartPolicy: 'Never',
      })
      await cluster.kubectl.apply(pod)
      await until('it has ended', async () => {
        const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'inline'])
        return status?.phase === 'Succeeded'
      })
      assert.equal(await cluster.kubectl(['logs', 'inline']), 'x\n')
    })
  },
)
