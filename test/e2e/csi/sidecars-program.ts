import { setTimeout as wait } from 'node:timers/promises'
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../../src/api/generated/core.v1.ts'
import type { StorageClass, VolumeAttachment } from '../../../src/api/generated/storage.v1.ts'
import { connectPlugin } from '../../../src/kubelet/plugins/plugin-connection.ts'
import { askCluster } from '../extensions/in-cluster.ts'
import { topologyKey } from './directory-node.ts'
import { Controller } from './generated/controller_pb.ts'

/**
 * The parts of external-provisioner, external-attacher and external-resizer that a driver needs, as one program beside
 * it: what they watch for, what they ask the driver, and what they write are as theirs.
 */
const { DRIVER: driver = '', CSI_ENDPOINT: endpoint = '', NAMESPACE: namespace = '' } = process.env
const finalizer = 'external-provisioner.volume.kubernetes.io/finalizer'
const attacherFinalizer = `external-attacher/${driver.replaceAll('.', '-')}`
const timeoutMs = 10_000
const { method } = Controller
const connection = connectPlugin(endpoint)
const core = '/api/v1'
const storage = '/apis/storage.k8s.io/v1'

const list = async <T>(path: string) =>
  (await askCluster<{ readonly items: readonly T[] }>('GET', path)).items

async function provision(): Promise<void> {
  for (const claim of await list<PersistentVolumeClaim>(`${core}/persistentvolumeclaims`)) {
    const { annotations = {}, uid = '', name, namespace: ofNamespace, resourceVersion } = claim.metadata ?? {}
    if (claim.spec?.volumeName || annotations['volume.kubernetes.io/storage-provisioner'] !== driver) continue
    const storageClass = await askCluster<StorageClass>(
      'GET',
      `${storage}/storageclasses/${claim.spec?.storageClassName}`,
    )
    const selected = annotations['volume.kubernetes.io/selected-node']
    if (storageClass.volumeBindingMode === 'WaitForFirstConsumer' && selected === undefined) continue
    const node = selected && (await askCluster<Node>('GET', `${core}/nodes/${selected}`))
    const segments = { [topologyKey]: (node && node.metadata?.labels?.[topologyKey]) || 'a' }
    const size = claim.spec?.resources?.requests?.['storage'] ?? '0'
    const { volume } = await connection.call(
      method.createVolume,
      {
        name: `pvc-${uid}`,
        capacityRange: { requiredBytes: gibibytes(size) },
        parameters: { ...storageClass.parameters },
        accessibilityRequirements: { requisite: [{ segments }], preferred: [{ segments }] },
      },
      timeoutMs,
    )
    if (!volume) throw new Error('the driver made no volume')
    const made: PersistentVolume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: {
        name: `pvc-${uid}`,
        annotations: { 'pv.kubernetes.io/provisioned-by': driver },
        finalizers: [finalizer],
      },
      spec: {
        capacity: { storage: size },
        accessModes: claim.spec?.accessModes ?? [],
        persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
        storageClassName: storageClass.metadata?.name ?? '',
        claimRef: {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          uid,
          ...(name && { name }),
          ...(ofNamespace && { namespace: ofNamespace }),
          ...(resourceVersion && { resourceVersion }),
        },
        csi: { driver, volumeHandle: volume.volumeId, volumeAttributes: volume.volumeContext },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: volume.accessibleTopology.map((topology) => ({
              matchExpressions: Object.entries(topology.segments).map(([key, value]) => ({
                key,
                operator: 'In' as const,
                values: [value],
              })),
            })),
          },
        },
      },
    }
    await askCluster('POST', `${core}/persistentvolumes`, made).catch(unlessConflict)
  }
  for (const volume of await list<PersistentVolume>(`${core}/persistentvolumes`)) {
    const { spec, status, metadata } = volume
    if (metadata?.annotations?.['pv.kubernetes.io/provisioned-by'] !== driver) continue
    if (status?.phase !== 'Released' || spec?.persistentVolumeReclaimPolicy !== 'Delete') continue
    const path = `${core}/persistentvolumes/${metadata.name}`
    const attached = await list<VolumeAttachment>(`${storage}/volumeattachments`)
    if (attached.some((attachment) => attachment.spec.source.persistentVolumeName === metadata.name)) continue
    await connection.call(method.deleteVolume, { volumeId: spec.csi?.volumeHandle ?? '' }, timeoutMs)
    await askCluster('DELETE', path)
    const left = await askCluster<PersistentVolume>('GET', path)
    const finalizers = left.metadata?.finalizers?.filter((other) => other !== finalizer) ?? []
    await askCluster('PUT', path, { ...left, metadata: { ...left.metadata, finalizers } })
  }
}

async function attach(): Promise<void> {
  for (const attachment of await list<VolumeAttachment>(`${storage}/volumeattachments`)) {
    const { metadata, spec, status } = attachment
    if (spec.attacher !== driver) continue
    const path = `${storage}/volumeattachments/${metadata?.name}`
    const volume = await askCluster<PersistentVolume>(
      'GET',
      `${core}/persistentvolumes/${spec.source.persistentVolumeName}`,
    )
    const csiNode = await askCluster<{ spec: { drivers: { name: string; nodeID: string }[] } }>(
      'GET',
      `${storage}/csinodes/${spec.nodeName}`,
    )
    const nodeId = csiNode.spec.drivers.find(({ name }) => name === driver)?.nodeID ?? ''
    const which = { volumeId: volume.spec?.csi?.volumeHandle ?? '', nodeId }
    const finalizers = metadata?.finalizers ?? []
    if (metadata?.deletionTimestamp) {
      if (!finalizers.includes(attacherFinalizer)) continue
      await connection.call(method.controllerUnpublishVolume, which, timeoutMs)
      const left = finalizers.filter((other) => other !== attacherFinalizer)
      await askCluster('PUT', path, { ...attachment, metadata: { ...metadata, finalizers: left } })
    } else if (!status?.attached) {
      const kept = await askCluster<VolumeAttachment>('PUT', path, {
        ...attachment,
        metadata: { ...metadata, finalizers: [...new Set([...finalizers, attacherFinalizer])] },
      })
      const { publishContext } = await connection.call(method.controllerPublishVolume, which, timeoutMs)
      const attached = { attached: true, attachmentMetadata: publishContext }
      await askCluster('PUT', `${path}/status`, { ...kept, status: attached })
    }
  }
}

async function resize(): Promise<void> {
  for (const claim of await list<PersistentVolumeClaim>(`${core}/persistentvolumeclaims`)) {
    const wanted = claim.spec?.resources?.requests?.['storage']
    const has = claim.status?.capacity?.['storage']
    if (!claim.spec?.volumeName || !wanted || !has || gibibytes(wanted) <= gibibytes(has)) continue
    const path = `${core}/persistentvolumes/${claim.spec.volumeName}`
    const volume = await askCluster<PersistentVolume>('GET', path)
    if (volume.spec?.csi?.driver !== driver || volume.spec.capacity?.['storage'] === wanted) continue
    const request = {
      volumeId: volume.spec.csi.volumeHandle,
      capacityRange: { requiredBytes: gibibytes(wanted) },
    }
    await connection.call(method.controllerExpandVolume, request, timeoutMs)
    const capacity = { storage: wanted }
    await askCluster('PUT', path, { ...volume, spec: { ...volume.spec, capacity } })
    const { namespace: ofNamespace, name } = claim.metadata ?? {}
    await askCluster('PUT', `${core}/namespaces/${ofNamespace}/persistentvolumeclaims/${name}/status`, {
      ...claim,
      status: {
        ...claim.status,
        allocatedResources: { storage: wanted },
        allocatedResourceStatuses: { storage: 'NodeResizePending' },
        conditions: [{ type: 'FileSystemResizePending', status: 'True' }],
      },
    })
  }
}

/** Classes whose capacity has been published. */
const told = new Set<string>()

/** One object for each class and topology, as external-provisioner makes them. */
async function tellCapacity(): Promise<void> {
  const path = `${storage}/namespaces/${namespace}/csistoragecapacities`
  for (const storageClass of await list<StorageClass>(`${storage}/storageclasses`)) {
    const name = `csisc-${storageClass.metadata?.name}`
    if (storageClass.provisioner !== driver || told.has(name)) continue
    const { availableCapacity } = await connection.call(
      method.getCapacity,
      {
        parameters: { ...storageClass.parameters },
        accessibleTopology: { segments: { [topologyKey]: 'a' } },
      },
      timeoutMs,
    )
    await askCluster('POST', path, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIStorageCapacity',
      metadata: { name },
      storageClassName: storageClass.metadata?.name,
      nodeTopology: { matchLabels: { [topologyKey]: 'a' } },
      capacity: String(availableCapacity),
    }).catch(unlessConflict)
    told.add(name)
  }
}

function gibibytes(quantity: string): bigint {
  return BigInt(Number.parseInt(quantity, 10)) * 2n ** 30n
}

/** It is there already. */
function unlessConflict(error: unknown): void {
  if (!String(error).includes(': 409 ')) throw error
}

process.on('SIGTERM', () => process.exit(0))
for (;;) {
  for (const work of [provision, attach, resize, tellCapacity])
    await work().catch((error: unknown) => console.log(String(error)))
  await wait(200)
}
