import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  csiNodes,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
} from '../../../api/generated/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/generated/core.v1.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { Resource } from '../../../machinery/resource.ts'
import { decide } from '../../decide.ts'
import { diagnosisMessage } from '../../diagnosis.ts'
import { podInfo } from '../../pod-info.ts'
import { aHandle, aNode, anInput, aPod, aTable } from '../../testing/builders.ts'

type Objects = readonly (readonly [Resource, KubernetesObject])[]
const of = (resource: unknown, object: KubernetesObject): Objects[number] => [resource as Resource, object]

const zone = 'topology.kubernetes.io/zone'
const nodes = ['a', 'b'].map((name) => aNode(name, { labels: { [zone]: `zone-${name}` } }))
const onNode = (name: string): PersistentVolume['spec'] => ({
  nodeAffinity: {
    required: {
      nodeSelectorTerms: [
        { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] },
      ],
    },
  },
})

function aClaim(spec: PersistentVolumeClaim['spec'], annotations = {}): Objects[number] {
  return of(persistentVolumeClaims, {
    metadata: { namespace: 'default', name: 'claim', uid: 'claim', annotations },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  } as KubernetesObject)
}

function aVolume(spec: PersistentVolume['spec'], labels = {}): Objects[number] {
  return of(persistentVolumes, {
    metadata: { name: 'volume', labels },
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], storageClassName: 'late', ...spec },
    status: { phase: 'Available' },
  } as KubernetesObject)
}

const bound = (spec: PersistentVolumeClaim['spec'] = {}) =>
  aClaim({ volumeName: 'volume', ...spec }, { 'pv.kubernetes.io/bind-completed': 'yes' })
const lateClass = (provisioner: string) =>
  of(storageClasses, {
    metadata: { name: 'late' },
    provisioner,
    volumeBindingMode: 'WaitForFirstConsumer',
  } as KubernetesObject)
const user = (name: string): Pod =>
  aPod(name, { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'claim' } }] } })

const rows: readonly {
  readonly name: string
  readonly objects: Objects
  readonly placed?: readonly (readonly [Pod, string])[]
  readonly result: string
}[] = [
  {
    name: 'no claim',
    objects: [],
    result: '0/2 nodes are available: persistentvolumeclaim "claim" not found.',
  },
  {
    name: 'a claim that somebody else is to bind',
    objects: [aClaim({ storageClassName: '' })],
    result: '0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.',
  },
  { name: 'a volume on a node', objects: [bound(), aVolume(onNode('b'))], result: 'b' },
  {
    name: 'a volume on a node that is gone',
    objects: [bound(), aVolume(onNode('gone'))],
    result: "0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.",
  },
  {
    name: 'a volume in a zone',
    objects: [bound(), aVolume({}, { [zone]: 'zone-b__zone-c' })],
    result: 'b',
  },
  {
    name: 'a late claim and a volume that does',
    objects: [
      aClaim({ storageClassName: 'late' }),
      lateClass('kubernetes.io/no-provisioner'),
      aVolume(onNode('b')),
    ],
    result: 'b',
  },
  {
    name: 'a late claim and no volume',
    objects: [aClaim({ storageClassName: 'late' }), lateClass('kubernetes.io/no-provisioner')],
    result: "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
  },
  {
    name: 'a late claim that has a node',
    objects: [
      aClaim({ storageClassName: 'late' }, { 'volume.kubernetes.io/selected-node': 'b' }),
      lateClass('example.com/disks'),
    ],
    result: 'b',
  },
  {
    name: 'a claim for one pod that another uses',
    objects: [bound({ accessModes: ['ReadWriteOncePod'] }), aVolume({})],
    placed: [[user('other'), 'a']],
    result:
      '0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.',
  },
  {
    name: 'a node that takes no more volumes of the driver',
    objects: [
      bound(),
      aVolume({ csi: { driver: 'example.com/disks', volumeHandle: '1' } }),
      of(csiNodes, {
        metadata: { name: 'a' },
        spec: { drivers: [{ name: 'example.com/disks', nodeID: 'a', allocatable: { count: 0 } }] },
      } as KubernetesObject),
    ],
    result: 'b',
  },
]

for (const { name, objects, placed = [], result } of rows) {
  test(`decide with ${name}`, () => {
    const table = aTable(nodes, placed)
    const decision = decide(podInfo(user('p')), anInput(table, { handle: aHandle(table, objects) }))
    const text =
      decision.type === 'placed'
        ? decision.nodeName
        : diagnosisMessage(2, decision.diagnosis.refusals.counts(), decision.diagnosis.podRefusal)
    assert.equal(text, result)
  })
}
