import { describe } from 'node:test'
import type { PodSpec } from '../../../api/generated/core.v1.ts'
import { aContainer } from '../../testing/pod-builder.ts'
import { aSandbox, anEnded, anInstance, observation } from '../testing/observed-builder.ts'
import { testPlans, type PlanRow } from '../testing/plan-rows.ts'

const s0 = aSandbox('s0')
const restartsAll: Partial<PodSpec> = {
  restartPolicy: 'Never',
  initContainers: [aContainer('setup'), aContainer('proxy', { restartPolicy: 'Always' })],
  containers: [
    aContainer('app'),
    aContainer('trigger', {
      restartPolicy: 'Never',
      restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }],
    }),
  ],
}
const inFlight = (...keys: readonly string[]) => ({ inFlight: new Map(keys.map((key) => [key, {}])) })

const rows: readonly PlanRow[] = [
  {
    name: 'a container ends with a code that restarts all: kills the others at once, starts nothing',
    spec: restartsAll,
    observed: observation(
      [s0],
      [anEnded('setup', 0), anInstance('proxy'), anInstance('app'), anEnded('trigger', 42)],
    ),
    plan: ['kill proxy-0 0s restartAllContainers', 'kill app-0 0s restartAllContainers'],
  },
  {
    name: 'a container ends with another code: restarts as it would without the rule',
    spec: restartsAll,
    observed: observation(
      [s0],
      [anEnded('setup', 0), anInstance('proxy'), anInstance('app'), anEnded('trigger', 1)],
    ),
    plan: [],
  },
  {
    name: 'all are to restart, one is still being started: waits for it',
    spec: restartsAll,
    observed: observation([s0], [anEnded('setup', 0), anEnded('proxy', 143), anEnded('trigger', 42)]),
    memory: inFlight('start/app'),
    plan: [],
  },
  {
    name: 'all are to restart and have ended: removes them, who asked for it last',
    spec: restartsAll,
    observed: observation([s0], [anEnded('setup', 0), anEnded('proxy', 143), anEnded('trigger', 42)]),
    plan: ['removeContainer setup-0', 'removeContainer proxy-0'],
  },
  {
    name: 'all are to restart, who asked for it is left: removes it, too',
    spec: restartsAll,
    observed: observation([s0], [anEnded('trigger', 42)]),
    plan: ['removeContainer trigger-0'],
  },
  {
    name: 'all are to restart, who asked for it is gone: the status remembers',
    spec: restartsAll,
    status: { conditions: [{ type: 'AllContainersRestarting', status: 'True' }] },
    observed: observation([s0], [anInstance('app')]),
    plan: ['kill app-0 0s restartAllContainers'],
  },
]

describe('planRestartAll', () => testPlans(rows))
