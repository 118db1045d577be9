import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Node, PersistentVolumeClaim, Pod, PodSpec } from '../../src/api/generated/core.v1.ts'
import type { CSINode } from '../../src/api/generated/storage.v1.ts'
import {
  persistentVolumeClaims,
  persistentVolumes,
  volumeAttachments,
} from '../../src/api/generated/resources.ts'
import { createHttpClient, type HttpClient } from '../../src/client/http/http-client.ts'
import { loadKubeconfig } from '../../src/client/kubeconfig.ts'
import { isConflict, isNotFound } from '../../src/machinery/status-errors.ts'
import { topologyKey } from './csi/directory-node.ts'
import { driverName, startTestDriver, type TestDriver } from './harness/csi-driver.ts'
import { withoutContainers } from './harness/machine.ts'
import { aPod, shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

const mounted = [{ name: 'data', mountPath: '/data' }]

describe('a CSI driver', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  let client: HttpClient
  let driver: TestDriver
  let attaching: NodeJS.Timeout
  before(async () => {
    cluster = aCluster('csi')
    await cluster.up()
    await cluster.loadTestImage()
    client = createHttpClient((await loadKubeconfig({ paths: [cluster.kubeconfig] })).connection)
    driver = await startTestDriver(kubeletRoot(), join(cluster.folder, 'csi'))
    attaching = setInterval(() => void attach(), 100)
    await cluster.kubectl.apply(
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'CSIDriver',
        metadata: { name: driverName },
        spec: {
          attachRequired: true,
          podInfoOnMount: true,
          fsGroupPolicy: 'File',
          volumeLifecycleModes: ['Persistent', 'Ephemeral'],
          tokenRequests: [{ audience: 'storage.example.com' }],
        },
      },
      {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'csi' },
        provisioner: driverName,
        allowVolumeExpansion: true,
      },
    )
  })
  after(async () => {
    clearInterval(attaching)
    client.close()
    await cluster.delete()
    driver.stop()
  })
  const kubeletRoot = () => join(cluster.folder, 'nodes/node1/kubelet')

  /** The attacher's part. */
  async function attach(): Promise<void> {
    const { items } = await client.list(volumeAttachments)
    for (const attachment of items) {
      if (attachment.status?.attached) continue
      const status = { attached: true, attachmentMetadata: { device: '/dev/made-up' } }
      try {
        await client.update(volumeAttachments, { ...attachment, status }, { subresource: 'status' })
      } catch (error) {
        // Somebody else was faster: the next round sees what there is.
        if (!isConflict(error) && !isNotFound(error)) throw error
      }
    }
  }
  /** The provisioner's part. */
  async function provision(name: string): Promise<void> {
    const claim = await until('the claim asks for a volume', async () => {
      const found = await client.get(persistentVolumeClaims, { namespace: 'default', name })
      return found.metadata?.annotations?.['volume.kubernetes.io/storage-provisioner'] === driverName && found
    })
    await client.create(persistentVolumes, {
      metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': driverName } },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 'csi',
        claimRef: { namespace: 'default', name, ...(claim.metadata?.uid && { uid: claim.metadata.uid }) },
        csi: { driver: driverName, volumeHandle: `handle-${name}`, volumeAttributes: { colour: 'blue' } },
      },
    })
  }
  const requests = (method: string) =>
    driver.calls.filter((call) => call.method === method).map(({ request }) => request)
  const ready = (pod: string) =>
    cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s'])

  it('makes itself known', async () => {
    assert.equal(await driver.registered, 'registered')
    const { spec } = await cluster.kubectl.json<CSINode>(['get', 'csinode', 'node1'])
    assert.deepEqual(spec.drivers, [
      { name: driverName, nodeID: 'the-node', topologyKeys: [topologyKey], allocatable: { count: 5 } },
    ])
    const { metadata } = await cluster.kubectl.json<Node>(['get', 'node', 'node1'])
    assert.equal(metadata?.labels?.[topologyKey], 'a')
    assert.equal(
      metadata.annotations?.['csi.volume.kubernetes.io/nodeid'],
      JSON.stringify({ [driverName]: 'the-node' }),
    )
  })

  it('has its volumes attached, staged and published', async () => {
    const claim: PersistentVolumeClaim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'disk' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'csi',
        resources: { requests: { storage: '1Gi' } },
      },
    }
    await cluster.kubectl.apply(claim)
    await provision('disk')
    const spec: Partial<PodSpec> = {
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'disk' } }],
      securityContext: { fsGroup: 2000 },
      terminationGracePeriodSeconds: 1,
    }
    const script = `echo content > /data/file; ${sleepScript}`
    for (const name of ['one', 'two'])
      await cluster.kubectl.apply(aPod(name, shell(script, { volumeMounts: mounted }), spec))
    for (const name of ['one', 'two']) await ready(name)
    assert.equal(readFileSync(join(driver.directory('handle-disk'), 'file'), 'utf8'), 'content\n')
    const [staged, ...more] = requests('NodeStageVolume')
    assert.deepEqual(more, [], 'it is staged once')
    assert.deepEqual({ ...(staged?.['publishContext'] as object) }, { device: '/dev/made-up' })
    assert.equal(requests('NodePublishVolume').length, 2)
    const context = requests('NodePublishVolume')[0]?.['volumeContext'] as Record<string, string>
    assert.equal(context['colour'], 'blue')
    assert.equal(context['csi.storage.k8s.io/pod.namespace'], 'default')
    const tokens = JSON.parse(context['csi.storage.k8s.io/serviceAccount.tokens'] ?? '') as object
    assert.deepEqual(Object.keys(tokens), ['storage.example.com'])
    const { status } = await until('the node tells', async () => {
      const node = await cluster.kubectl.json<Node>(['get', 'node', 'node1'])
      return node.status?.volumesAttached?.length === 1 && node
    })
    const name = `kubernetes.io/csi/${driverName}^handle-disk`
    assert.deepEqual(status?.volumesInUse, [name])
    assert.deepEqual(status?.volumesAttached, [{ name, devicePath: '' }])
    assert.equal(await cluster.kubectl(['exec', 'one', '--', 'stat', '-c', '%g', '/data']), '2000\n')
  })

  it('grows its volumes on the node', async () => {
    const body = { spec: { resources: { requests: { storage: '2Gi' } } } }
    await cluster.kubectl(['patch', 'pvc', 'disk', '-p', JSON.stringify(body)])
    // The resizer's part.
    await client.patch(
      persistentVolumes,
      { name: 'disk' },
      { type: 'merge', body: { spec: { capacity: { storage: '2Gi' } } } },
    )
    const conditions = [{ type: 'FileSystemResizePending', status: 'True' }]
    await client.patch(
      persistentVolumeClaims,
      { namespace: 'default', name: 'disk' },
      { type: 'merge', body: { status: { conditions } } },
      { subresource: 'status' },
    )
    await until('the node has grown it', async () => {
      const { status } = await client.get(persistentVolumeClaims, { namespace: 'default', name: 'disk' })
      return status?.capacity?.['storage'] === '2Gi' && !status.conditions?.length
    })
    assert.ok(requests('NodeExpandVolume').length > 0)
  })

  it('has them taken back with the last pod', async () => {
    await cluster.kubectl(['delete', 'pod', 'one'])
    assert.equal(requests('NodeUnpublishVolume').length, 1)
    assert.equal(requests('NodeUnstageVolume').length, 0)
    await cluster.kubectl(['delete', 'pod', 'two'])
    await until('it is unstaged', () => requests('NodeUnstageVolume').length === 1)
    await until('it is detached', async () => (await client.list(volumeAttachments)).items.length === 0)
    const staging = String(requests('NodeStageVolume')[0]?.['stagingTargetPath'])
    assert.equal(existsSync(staging), false)
  })

  it('has volumes inside of pods', async () => {
    const spec: Partial<PodSpec> = {
      volumes: [{ name: 'data', csi: { driver: driverName, volumeAttributes: { size: 'small' } } }],
      restartPolicy: 'Never',
    }
    await cluster.kubectl.apply(
      aPod('inline', shell('echo x > /data/file; cat /data/file', { volumeMounts: mounted }), spec),
    )
    await until('it has ended', async () => {
      const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'inline'])
      return status?.phase === 'Succeeded'
    })
    const context = requests('NodePublishVolume').at(-1)?.['volumeContext'] as Record<string, string>
    assert.equal(context['csi.storage.k8s.io/ephemeral'], 'true')
    assert.equal(context['size'], 'small')
  })

  it('is waited for when it is not there', async () => {
    await cluster.kubectl.apply(
      aPod('early', shell(sleepScript, { volumeMounts: mounted }), {
        volumes: [{ name: 'data', csi: { driver: 'none.example.com' } }],
      }),
    )
    await until('the event says so', async () =>
      /volume mode "Ephemeral" not supported|not found in the list of registered CSI drivers/.test(
        await cluster.kubectl(['get', 'events', '--field-selector', 'involvedObject.name=early']),
      ),
    )
  })
})
