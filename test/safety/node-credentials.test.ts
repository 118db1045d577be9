import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { selectedNode } from '../../src/api/core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../src/api/generated/core.v1.ts'
import {
  configMaps,
  endpointSlices,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  secrets,
  serviceAccounts,
  services,
} from '../../src/api/generated/resources.ts'
import {
  nodeComponentGroup,
  nodeComponentUser,
  type NodeComponent,
} from '../../src/api/node/node-components.ts'
import { hostnameLabel, localPathProvisioner, provisionedBy } from '../../src/api/storage/local-path.ts'
import type { Client } from '../../src/client/client.ts'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import type { Resource } from '../../src/machinery/resource.ts'
import { isConflict, isForbidden } from '../../src/machinery/status-errors.ts'

/*
 * What somebody can do who has taken over one node: no more than the node needs, and nothing on another one.
 */

let cluster: TestCluster
before(async () => {
  cluster = await startCluster()
})
after(() => cluster.stop())

function componentOn(node: string, component: NodeComponent): Client {
  return cluster.clientAs(nodeComponentUser(component, node), [nodeComponentGroup(component)])
}

const askedOn = (node: string) => ({
  'volume.kubernetes.io/storage-provisioner': localPathProvisioner,
  [selectedNode]: node,
})

function aVolume(node: string, claim: PersistentVolumeClaim): PersistentVolume {
  const { namespace = '', name = '', uid = '' } = claim.metadata ?? {}
  return {
    metadata: {
      name: `pvc-${uid}`,
      annotations: { [provisionedBy]: localPathProvisioner },
      finalizers: ['a/b'],
    },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'standard',
      claimRef: { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid },
      local: { path: '/volumes/one' },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [node] }] }],
        },
      },
    },
  }
}

/** Controllers write volumes at the same time: what they changed meanwhile is no reason to fail here. */
async function change(
  client: Client,
  { metadata }: PersistentVolume,
  edit: (volume: PersistentVolume) => PersistentVolume,
): Promise<void> {
  for (;;) {
    const latest = await client.get(persistentVolumes, { name: metadata?.name ?? '' })
    try {
      await client.update(persistentVolumes, edit(latest))
      return
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}
const withoutFinalizers = (volume: PersistentVolume) => ({
  ...volume,
  metadata: { ...volume.metadata, finalizers: [] },
})

async function aClaim(name: string, node: string): Promise<PersistentVolumeClaim> {
  return cluster.client.create(persistentVolumeClaims, {
    metadata: { namespace: 'default', name, annotations: askedOn(node) },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'standard',
      resources: { requests: { storage: '1Gi' } },
    },
  })
}

describe('the components of a node', () => {
  const rows: readonly (readonly [NodeComponent, Resource, boolean])[] = [
    ['kube-proxy', services, true],
    ['kube-proxy', endpointSlices, true],
    ['kube-proxy', nodes, true],
    ['kube-proxy', pods, false],
    ['kube-proxy', secrets, false],
    ['kube-proxy', configMaps, false],
    ['coredns', services, true],
    ['coredns', namespaces, true],
    ['coredns', endpointSlices, true],
    ['coredns', pods, false],
    ['coredns', nodes, false],
    ['local-path-provisioner', persistentVolumes, true],
    ['local-path-provisioner', persistentVolumeClaims, true],
    ['local-path-provisioner', pods, false],
    ['local-path-provisioner', secrets, false],
    ['local-path-provisioner', serviceAccounts, false],
  ]
  for (const [component, resource, may] of rows) {
    it(`${component} ${may ? 'reads' : 'cannot read'} all ${resource.resource}`, async () => {
      const listed = componentOn('n1', component).list(resource)
      await (may ? listed : assert.rejects(listed, isForbidden))
    })
  }

  it('its provisioner makes volumes for claims that were sent to it', async () => {
    const claim = await aClaim('sent', 'n1')
    const provisioner = componentOn('n1', 'local-path-provisioner')
    const volume = await provisioner.create(persistentVolumes, aVolume('n1', claim))
    await change(provisioner, volume, withoutFinalizers)
    await provisioner.delete(persistentVolumes, { name: volume.metadata?.name ?? '' })
  })

  it('its provisioner draws no claim to itself, and so no pod, that the scheduler sent elsewhere', async () => {
    const claim = await aClaim('elsewhere', 'n2')
    const provisioner = componentOn('n1', 'local-path-provisioner')
    await assert.rejects(provisioner.create(persistentVolumes, aVolume('n1', claim)), isForbidden)
    await assert.rejects(provisioner.create(persistentVolumes, aVolume('n2', claim)), isForbidden)
  })

  it('its provisioner names no claim that there is not, and no secret', async () => {
    const claim = await aClaim('named', 'n1')
    const provisioner = componentOn('n1', 'local-path-provisioner')
    const volume = aVolume('n1', claim)
    const { local: _local, ...spec } = volume.spec ?? {}
    const driver = {
      driver: 'x',
      volumeHandle: 'y',
      nodeStageSecretRef: { namespace: 'kube-system', name: 's' },
    }
    const other = { ...claim, metadata: { ...claim.metadata, uid: 'another' } }
    for (const wrong of [{ ...volume, spec: { ...spec, csi: driver } }, aVolume('n1', other)]) {
      await assert.rejects(provisioner.create(persistentVolumes, wrong), isForbidden)
    }
  })

  it('its provisioner neither changes nor deletes a volume on another node', async () => {
    const claim = await aClaim('theirs', 'n2')
    const volume = await cluster.client.create(persistentVolumes, aVolume('n2', claim))
    const name = volume.metadata?.name ?? ''
    const provisioner = componentOn('n1', 'local-path-provisioner')
    await assert.rejects(change(provisioner, volume, withoutFinalizers), isForbidden)
    await assert.rejects(provisioner.delete(persistentVolumes, { name }), isForbidden)
    assert.equal(
      (await cluster.client.get(persistentVolumes, { name })).metadata?.deletionTimestamp,
      undefined,
    )
  })

  it('its provisioner makes its own volumes nobody else’s', async () => {
    const claim = await aClaim('own', 'n1')
    const provisioner = componentOn('n1', 'local-path-provisioner')
    const volume = await provisioner.create(persistentVolumes, aVolume('n1', claim))
    const claimRef = { namespace: 'kube-system', name: 'victim' }
    const taken = change(provisioner, volume, (latest) => ({ ...latest, spec: { ...latest.spec, claimRef } }))
    await assert.rejects(taken, isForbidden)
  })
})
