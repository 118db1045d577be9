import { describe } from 'node:test'
import type { ResourceRequirements } from '../../../api/generated/core.v1.ts'
import { aContainer } from '../../testing/pod-builder.ts'
import { aSandbox, anInstance, observation } from '../testing/observed-builder.ts'
import type { PodMemory } from './memory.ts'
import { testPlans, type PlanRow } from '../testing/plan-rows.ts'

const s0 = aSandbox('s0')
const applied = (
  containers: Readonly<Record<string, ResourceRequirements>>,
  whole?: ResourceRequirements,
): Partial<PodMemory> => ({ applied: { containers: new Map(Object.entries(containers)), whole } })

const rows: readonly PlanRow[] = [
  {
    name: 'other resources than before: gives them',
    spec: { containers: [aContainer('app', { resources: { limits: { cpu: '200m' } } })] },
    observed: observation([s0], [anInstance('app')]),
    memory: applied({ 'app-0': { limits: { cpu: '100m' } } }),
    plan: ['resize app-0'],
  },
  {
    name: 'other resources of an init container that runs: gives them',
    spec: { initContainers: [aContainer('i', { resources: { limits: { cpu: '200m' } } })] },
    observed: observation([s0], [anInstance('i')]),
    memory: applied({ 'i-0': { limits: { cpu: '100m' } } }),
    plan: ['resize i-0'],
  },
  {
    name: 'other resources of the pod as a whole: gives them',
    spec: { resources: { limits: { cpu: '2' } } },
    observed: observation([s0], [anInstance('app')]),
    memory: applied({}, { limits: { cpu: '1' } }),
    plan: ['resizePod'],
  },
  {
    name: 'other resources of the pod as a whole and of a container: the container first',
    spec: {
      resources: { limits: { cpu: '2' } },
      containers: [aContainer('app', { resources: { limits: { cpu: '200m' } } })],
    },
    observed: observation([s0], [anInstance('app')]),
    memory: applied({ 'app-0': { limits: { cpu: '100m' } } }, { limits: { cpu: '1' } }),
    plan: ['resize app-0'],
  },
  {
    name: 'other resources of the pod as a whole, without a sandbox: the next one has them',
    spec: { resources: { limits: { cpu: '2' } } },
    memory: applied({}, { limits: { cpu: '1' } }),
    plan: ['createSandbox 0'],
  },
  {
    name: 'the same resources in other words: nothing',
    spec: { containers: [aContainer('app', { resources: { limits: { cpu: '0.2' } } })] },
    observed: observation([s0], [anInstance('app')]),
    memory: applied({ 'app-0': { limits: { cpu: '200m' } } }),
    plan: [],
  },
  {
    name: 'other resources that need a restart: kills',
    spec: {
      containers: [
        aContainer('app', {
          resources: { limits: { memory: '2Mi' } },
          resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
        }),
      ],
    },
    observed: observation([s0], [anInstance('app')]),
    memory: applied({ 'app-0': { limits: { memory: '1Mi' } } }),
    plan: ['kill app-0 1s resize'],
  },
]

describe('planResize and planWholeResize', () => testPlans(rows))
