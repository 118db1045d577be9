import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Pod } from '../api/generated/core.v1.ts'
import { decide, type Diagnosis } from './decide.ts'
import { diagnosisMessage } from './diagnosis.ts'
import { NominatedPods } from './nominated-pods.ts'
import { podInfo } from './pod-info.ts'
import { aNode, aPod, anInput, aTable } from './testing/builders.ts'

function messageOf({ nodeCount, refusals, podRefusal }: Diagnosis): string {
  return diagnosisMessage(nodeCount, refusals.counts(), podRefusal)
}

const zone = 'topology.kubernetes.io/zone'
const web = { matchLabels: { app: 'web' } }
const spread = (whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway') => ({
  topologySpreadConstraints: [{ maxSkew: 1, topologyKey: zone, whenUnsatisfiable, labelSelector: web }],
})
const antiAffinity = {
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: web },
      ],
    },
  },
}
const affinity = {
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: zone, labelSelector: web }],
    },
  },
}
const twoZones = [aNode('a', { labels: { [zone]: 'z1' } }), aNode('b', { labels: { [zone]: 'z2' } })]
const webPod = aPod('placed', { labels: { app: 'web' } })

const restartingAll = aPod('p', {
  spec: {
    containers: [
      {
        name: 'c',
        image: 'x',
        restartPolicy: 'Never',
        restartPolicyRules: [{ action: 'RestartAllContainers' }],
      },
    ],
  },
})

interface Row {
  readonly name: string
  readonly nodes: readonly Node[]
  readonly placed?: readonly (readonly [Pod, string])[]
  readonly pod: Pod
  /** The node, or the message of the refusal. */
  readonly result: string
}

const rows: readonly Row[] = [
  { name: 'no nodes', nodes: [], pod: aPod('p'), result: 'no nodes available to schedule pods' },
  {
    name: 'what is free',
    nodes: [aNode('small', { cpu: '1' }), aNode('large')],
    pod: aPod('p', { cpu: '2' }),
    result: 'large',
  },
  {
    name: 'what others requested',
    nodes: [aNode('a', { cpu: '2' }), aNode('b', { cpu: '1' })],
    placed: [[aPod('q', { cpu: '1500m' }), 'a']],
    pod: aPod('p', { cpu: '1' }),
    result: 'b',
  },
  {
    name: 'every reason, counted and sorted',
    nodes: [
      aNode('a', { cpu: '1' }),
      aNode('b', { cpu: '1', memory: '1Mi' }),
      aNode('c', { unschedulable: true }),
      aNode('d', { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] }),
      aNode('e', { pods: '0' }),
    ],
    pod: aPod('p', { cpu: '2', memory: '1Gi' }),
    result:
      '0/5 nodes are available: 1 Insufficient memory, 1 Too many pods, 1 node(s) had untolerated taint(s), ' +
      '1 node(s) were unschedulable, 2 Insufficient cpu.',
  },
  {
    name: 'features that nodes declare',
    nodes: [
      aNode('old'),
      {
        ...aNode('new'),
        status: { ...aNode('new').status, declaredFeatures: ['RestartAllContainersOnContainerExits'] },
      },
    ],
    pod: restartingAll,
    result: 'new',
  },
  {
    name: 'features that no node declares',
    nodes: [aNode('a')],
    pod: restartingAll,
    result: "0/1 nodes are available: 1 node(s) didn't match Pod's required features.",
  },
  {
    name: 'a tolerated taint',
    nodes: [aNode('a', { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] })],
    pod: aPod('p', { spec: { tolerations: [{ key: 'dedicated', operator: 'Exists' }] } }),
    result: 'a',
  },
  {
    name: 'nodeSelector',
    nodes: [aNode('a'), aNode('b', { labels: { disk: 'ssd' } })],
    pod: aPod('p', { spec: { nodeSelector: { disk: 'ssd' } } }),
    result: 'b',
  },
  {
    name: 'a claim of devices that is not there',
    nodes: [aNode('a')],
    pod: aPod('p', { spec: { resourceClaims: [{ name: 'gpu', resourceClaimName: 'gpu' }] } }),
    result: '0/1 nodes are available: could not find ResourceClaim "default/gpu".',
  },
  {
    name: 'a nodeSelector that nothing has',
    nodes: [aNode('a')],
    pod: aPod('p', { spec: { nodeSelector: { disk: 'ssd' } } }),
    result: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
  },
  {
    name: 'a host port in use',
    nodes: [aNode('a'), aNode('b')],
    placed: [[aPod('q', { hostPort: 80 }), 'a']],
    pod: aPod('p', { hostPort: 80 }),
    result: 'b',
  },
  {
    name: 'host ports everywhere in use',
    nodes: [aNode('a')],
    placed: [[aPod('q', { hostPort: 80 }), 'a']],
    pod: aPod('p', { hostPort: 80 }),
    result: "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  },
  {
    name: 'required spreading',
    nodes: twoZones,
    placed: [[webPod, 'a']],
    pod: aPod('p', { labels: { app: 'web' }, spec: spread('DoNotSchedule') }),
    result: 'b',
  },
  {
    name: 'preferred spreading',
    nodes: twoZones,
    placed: [[webPod, 'b']],
    pod: aPod('p', { labels: { app: 'web' }, spec: spread('ScheduleAnyway') }),
    result: 'a',
  },
  {
    name: 'spreading over a label that no node has',
    nodes: [aNode('a')],
    pod: aPod('p', { labels: { app: 'web' }, spec: spread('DoNotSchedule') }),
    result:
      "0/1 nodes are available: 1 node(s) didn't match pod topology spread constraints (missing required label).",
  },
  {
    name: 'anti-affinity of the pod',
    nodes: twoZones,
    placed: [[webPod, 'b']],
    pod: aPod('p', { spec: antiAffinity }),
    result: 'a',
  },
  {
    name: 'anti-affinity of a placed pod',
    nodes: [aNode('a')],
    placed: [[aPod('q', { spec: antiAffinity }), 'a']],
    pod: aPod('p', { labels: { app: 'web' } }),
    result: "0/1 nodes are available: 1 node(s) didn't satisfy existing pods anti-affinity rules.",
  },
  {
    name: 'affinity to a placed pod',
    nodes: twoZones,
    placed: [[webPod, 'b']],
    pod: aPod('p', { spec: affinity }),
    result: 'b',
  },
  {
    name: 'affinity to nothing',
    nodes: twoZones,
    pod: aPod('p', { spec: affinity }),
    result: "0/2 nodes are available: 2 node(s) didn't match pod affinity rules.",
  },
  {
    name: 'affinity to itself, as the first of its group',
    nodes: [aNode('a', { labels: { [zone]: 'z1' } })],
    pod: aPod('p', { labels: { app: 'web' }, spec: affinity }),
    result: 'a',
  },
  {
    name: 'the emptier node',
    nodes: [aNode('a'), aNode('b')],
    placed: [[aPod('q', { cpu: '2', memory: '4Gi' }), 'a']],
    pod: aPod('p', { cpu: '1', memory: '1Gi' }),
    result: 'b',
  },
]

for (const { name, nodes, placed, pod, result } of rows) {
  test(`decide heeds ${name}`, () => {
    const decision = decide(podInfo(pod), anInput(aTable(nodes, placed)))
    const text = decision.type === 'placed' ? decision.nodeName : messageOf(decision.diagnosis)
    assert.equal(text, result)
  })
}

test('decide leaves a node to a nominated pod of higher priority', () => {
  const nodes = aTable([aNode('a', { cpu: '2' }), aNode('b', { cpu: '1' })])
  const nominated = new NominatedPods(nodes)
  nominated.set(podInfo(aPod('n', { cpu: '2', priority: 10 })), 'a')
  const decision = decide(podInfo(aPod('p', { cpu: '1' })), { ...anInput(nodes), nominated })
  assert.equal(decision.type === 'placed' && decision.nodeName, 'b')
  assert.equal(nodes.requestedOf('cpu', nodes.indexOf('a')!), 0)
})
