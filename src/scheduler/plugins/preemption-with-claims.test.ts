import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core.v1.ts'
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../../api/generated/resources.ts'
import { seededRandom } from '../../machinery/random.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import { failureOf, findNodes } from '../decide.ts'
import { podInfo } from '../pod-info.ts'
import { aHandle, aNode, anInput, aPod, aTable, type PodShape } from '../testing/builders.ts'
import { defaultPreemptionArgs, preempt } from './default-preemption.ts'

type Objects = readonly (readonly [Resource, KubernetesObject])[]
const of = (resource: unknown, object: KubernetesObject): Objects[number] => [resource as Resource, object]

const aClaim = (spec: PersistentVolumeClaim['spec'], isBound = true): Objects[number] =>
  of(persistentVolumeClaims, {
    metadata: {
      namespace: 'default',
      name: 'claim',
      uid: 'claim',
      annotations: isBound ? { 'pv.kubernetes.io/bind-completed': 'yes' } : {},
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      ...(isBound && { volumeName: 'volume' }),
      ...spec,
    },
  } as KubernetesObject)

const aVolume = (nodeName?: string): Objects[number] =>
  of(persistentVolumes, {
    metadata: { name: 'volume' },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'late',
      ...(nodeName && {
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [nodeName] }] },
            ],
          },
        },
      }),
    } as PersistentVolume['spec'],
    status: { phase: 'Available' },
  } as KubernetesObject)

const lateClass = of(storageClasses, {
  metadata: { name: 'late' },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
} as KubernetesObject)

const user = (name: string, shape: PodShape): Pod =>
  aPod(name, {
    ...shape,
    spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'claim' } }] },
  })

const filling = (name: string, priority: number) => aPod(name, { cpu: '2', priority })
const exclusive = aClaim({ accessModes: ['ReadWriteOncePod'] })

const rows: readonly {
  readonly name: string
  readonly objects: Objects
  readonly placed: readonly (readonly [Pod, string])[]
  readonly result: string
}[] = [
  {
    name: 'makes room where the volume is, though pods of less importance are elsewhere',
    objects: [aClaim({}), aVolume('b')],
    placed: [
      [filling('trivial', 1), 'a'],
      [filling('lesser', 50), 'b'],
    ],
    result: 'b: lesser',
  },
  {
    name: 'makes room where a late claim can be given a volume',
    objects: [aClaim({ storageClassName: 'late' }, false), aVolume('b'), lateClass],
    placed: [
      [filling('trivial', 1), 'a'],
      [filling('lesser', 50), 'b'],
    ],
    result: 'b: lesser',
  },
  {
    name: 'takes a claim of one pod from whom it matters less to',
    objects: [exclusive, aVolume()],
    placed: [[user('holder', { cpu: '1', priority: 1 }), 'b']],
    result: 'b: holder',
  },
  {
    name: 'takes room and a claim of one pod together, and spares the others',
    objects: [exclusive, aVolume()],
    placed: [
      [filling('trivial', 1), 'a'],
      [user('holder', { cpu: '500m', priority: 3 }), 'b'],
      [aPod('large', { cpu: '1', priority: 2 }), 'b'],
      [aPod('small', { cpu: '100m', priority: 1 }), 'b'],
    ],
    result: 'b: holder, large',
  },
  {
    name: 'leaves a claim of one pod with whom it matters as much to',
    objects: [exclusive, aVolume()],
    placed: [[user('holder', { cpu: '1', priority: 100 }), 'b']],
    result:
      '0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
  },
]

for (const { name, objects, placed, result } of rows) {
  test(`preempt ${name}`, () => {
    const pod = podInfo(user('preemptor', { cpu: '1500m', priority: 100 }))
    const table = aTable([aNode('a', { cpu: '2' }), aNode('b', { cpu: '2' })], placed)
    const input = anInput(table, { handle: aHandle(table, objects) })
    const search = findNodes(pod, input)
    assert.equal(search.type, 'refused')
    const failure = failureOf(pod, search.diagnosis, search.checker, input)
    const args = defaultPreemptionArgs
    const found = preempt(pod, failure, { nodes: table, budgets: [], args, random: seededRandom(1) })
    const said =
      found.type === 'victims'
        ? `${found.nodeName}: ${found.victims.map((victim) => victim.pod.metadata?.name).join(', ')}`
        : found.message
    assert.equal(said, result)
    for (const [{ metadata }, node] of placed)
      assert.equal(table.placeOf(`default/${metadata!.name}`)?.nodeName, node)
  })
}
