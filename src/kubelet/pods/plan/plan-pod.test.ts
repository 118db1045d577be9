import { describe } from 'node:test'
import { aContainer } from '../../testing/pod-builder.ts'
import { emptyObservation } from '../observation.ts'
import { aSandbox, anEnded, anInstance, observation } from '../testing/observed-builder.ts'
import { planNowMs, testPlans, type PlanRow } from '../testing/plan-rows.ts'
import type { Ending } from './input.ts'
import { containerHash } from './restart.ts'

const now = planNowMs
const s0 = aSandbox('s0')
const dead = aSandbox('s0', { state: 'notReady', ips: [] })
const inFlight = (...keys: readonly string[]) => ({ inFlight: new Map(keys.map((key) => [key, {}])) })
const two = { containers: [aContainer('a'), aContainer('b')] }
const withInit = {
  initContainers: [aContainer('i1'), aContainer('i2')],
  containers: [aContainer('app')],
}
const withSidecar = {
  initContainers: [aContainer('proxy', { restartPolicy: 'Always' }), aContainer('i')],
  containers: [aContainer('app')],
}
const crashed = (delayMs: number, updatedAtMs = 3000) => ({
  backoffs: new Map([['app', { hash: containerHash(aContainer('app')), delayMs, updatedAtMs }]]),
})
const ending = (more: Partial<Ending> = {}): Ending => ({
  sinceMs: now,
  graceSeconds: 30,
  remove: true,
  ...more,
})

const rows: readonly PlanRow[] = [
  { name: 'nothing there: makes a sandbox', plan: ['createSandbox 0'] },
  { name: 'a sandbox is being made: waits', memory: inFlight('createSandbox'), plan: [] },
  {
    name: 'making a sandbox failed: waits for its back-off',
    memory: { sandboxFailure: { retryAtMs: now + 500, message: '' } },
    plan: [],
    wakeAtMs: now + 500,
  },
  { name: 'a sandbox: starts the container', observed: observation([s0]), plan: ['start app 0'] },
  {
    name: 'starts main containers one at a time',
    spec: two,
    observed: observation([s0]),
    plan: ['start a 0'],
  },
  {
    name: 'the first is being started: the second waits',
    spec: two,
    observed: observation([s0]),
    memory: inFlight('start/a'),
    plan: [],
  },
  {
    name: 'the first runs: the second follows',
    spec: two,
    observed: observation([s0], [anInstance('a')]),
    plan: ['start b 0'],
  },
  {
    name: 'the first hangs in its back-off: the second follows',
    spec: two,
    observed: observation([s0]),
    memory: {
      failures: new Map([
        ['a', { reason: 'ErrImagePull', message: '', failedAtMs: now, retryAtMs: now + 5000 }],
      ]),
    },
    plan: ['start b 0'],
    waiting: { a: 'ErrImagePull' },
    wakeAtMs: now + 5000,
  },
  { name: 'everything runs: nothing', observed: observation([s0], [anInstance('app')]), plan: [] },
  {
    name: 'the runtime has forgotten a container: goes on counting',
    status: {
      containerStatuses: [
        { name: 'app', image: '', imageID: '', ready: true, restartCount: 4, containerID: 'test://x' },
      ],
    },
    observed: observation([s0]),
    plan: ['start app 5'],
  },
  {
    name: 'init containers first, one after the other',
    spec: withInit,
    observed: observation([s0]),
    plan: ['start i1 0'],
  },
  {
    name: 'an init container runs: waits',
    spec: withInit,
    observed: observation([s0], [anInstance('i1')]),
    plan: [],
  },
  {
    name: 'the first init container is done: the second',
    spec: withInit,
    observed: observation([s0], [anEnded('i1', 0)]),
    plan: ['start i2 0'],
  },
  {
    name: 'all init containers are done: the main one',
    spec: withInit,
    observed: observation([s0], [anEnded('i1', 0), anEnded('i2', 0)]),
    plan: ['start app 0'],
  },
  {
    name: 'an init container failed: again',
    spec: withInit,
    observed: observation([s0], [anEnded('i1', 1)]),
    plan: ['start i1 1'],
  },
  {
    name: 'an init container failed and must not again: nothing',
    spec: { ...withInit, restartPolicy: 'Never' },
    observed: observation([s0], [anEnded('i1', 1)]),
    plan: [],
  },
  {
    name: 'an init container that the runtime has forgotten is passed when a later one is there',
    spec: withInit,
    observed: observation([s0], [anEnded('i2', 0)]),
    plan: ['start app 0'],
  },
  {
    name: 'a sidecar has started: the next init container',
    spec: withSidecar,
    observed: observation([s0], [anInstance('proxy')]),
    plan: ['start i 0'],
  },
  {
    name: 'a sidecar has not passed its startup probe: waits',
    spec: withSidecar,
    observed: observation([s0], [anInstance('proxy')]),
    startup: { 'proxy-0': 'unknown' },
    plan: [],
  },
  {
    name: 'a sidecar ended: again, and nothing else waits for it',
    spec: withSidecar,
    observed: observation([s0], [anEnded('proxy', 0), anEnded('i', 0)]),
    plan: ['start proxy 1', 'start app 0'],
  },
  {
    name: 'ephemeral containers run beside everything',
    spec: { ...withInit, ephemeralContainers: [{ name: 'debug' }] },
    observed: observation([s0], [anInstance('i1')]),
    plan: ['start debug 0'],
  },
  {
    name: 'ephemeral containers do not run again',
    spec: { ephemeralContainers: [{ name: 'debug' }] },
    observed: observation([s0], [anInstance('app'), anEnded('debug', 1)]),
    plan: [],
  },
  {
    name: 'first crash: again at once',
    observed: observation([s0], [anEnded('app', 1)]),
    plan: ['start app 1'],
  },
  {
    name: 'second crash: backs off',
    observed: observation([s0], [anEnded('app', 1)]),
    memory: crashed(10_000),
    plan: [],
    waiting: { app: 'CrashLoopBackOff' },
    wakeAtMs: 14_000,
  },
  {
    name: 'the back-off is over: again',
    observed: observation([s0], [anEnded('app', 1)]),
    memory: crashed(5000),
    plan: ['start app 1'],
  },
  {
    name: 'it ran for twice the longest back-off: again at once',
    observed: observation([s0], [anEnded('app', 1, { finishedAtMs: 1_000_000 })]),
    memory: crashed(300_000),
    now: 1_000_100,
    plan: ['start app 1'],
  },
  {
    name: 'OnFailure: what succeeded stays ended',
    spec: { ...two, restartPolicy: 'OnFailure' },
    observed: observation([s0], [anEnded('a', 0), anEnded('b', 2)]),
    plan: ['start b 1'],
  },
  {
    name: 'Never: what ended stays ended',
    spec: { restartPolicy: 'Never' },
    observed: observation([s0], [anEnded('app', 2)]),
    plan: [],
  },
  {
    name: 'a rule restarts what the policy would not',
    spec: {
      restartPolicy: 'Never',
      containers: [
        aContainer('app', {
          restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }],
        }),
      ],
    },
    observed: observation([s0], [anEnded('app', 42)]),
    plan: ['start app 1'],
  },
  {
    name: 'the liveness probe failed: kills',
    observed: observation([s0], [anInstance('app')]),
    liveness: { 'app-0': 'failure' },
    plan: ['kill app-0 1s livenessProbe'],
  },
  {
    name: 'the startup probe failed: kills with the grace of the probe',
    spec: { containers: [aContainer('app', { startupProbe: { terminationGracePeriodSeconds: 7 } })] },
    observed: observation([s0], [anInstance('app')]),
    startup: { 'app-0': 'failure' },
    plan: ['kill app-0 7s startupProbe'],
  },
  {
    name: 'another image: kills',
    observed: observation(
      [s0],
      [anInstance('app', { annotations: { 'io.kubernetes.container.hash': 'other' } })],
    ),
    plan: ['kill app-0 1s definitionChanged'],
  },
  {
    name: 'the sandbox died: kills what runs in it',
    observed: observation([dead], [anInstance('app')]),
    plan: ['kill app-0 1s unwanted'],
  },
  {
    name: 'the sandbox died and nothing runs: releases it',
    observed: observation([dead], [anEnded('app', 137)]),
    plan: ['stopSandbox s0'],
  },
  {
    name: 'the dead sandbox is released: makes another',
    observed: observation([dead], [anEnded('app', 137)]),
    memory: { stoppedSandboxes: new Set(['s0']) },
    plan: ['createSandbox 1'],
  },
  {
    name: 'the sandbox died and everything has run: leaves it',
    spec: { restartPolicy: 'Never' },
    observed: observation([dead], [anEnded('app', 0)]),
    plan: [],
  },
  {
    name: 'a new sandbox: init containers run again',
    spec: withInit,
    observed: observation(
      [aSandbox('s1', { attempt: 1, createdAtMs: 9000 }), dead],
      [anEnded('i1', 0), anEnded('i2', 0), anEnded('app', 137)],
    ),
    memory: { stoppedSandboxes: new Set(['s0']) },
    plan: ['start i1 1'],
  },
  {
    name: 'a sandbox without an address is none',
    observed: observation([aSandbox('s0', { ips: [] })]),
    plan: ['stopSandbox s0'],
  },
  {
    name: 'two sandboxes: keeps the newest',
    observed: observation([aSandbox('s1', { attempt: 1 }), s0], [anInstance('app', { sandboxID: 's1' })]),
    plan: ['stopSandbox s0'],
  },
  {
    name: 'two instances: keeps the newest',
    observed: observation([s0], [anInstance('app'), anInstance('app', { attempt: 1 })]),
    plan: ['kill app-0 1s unwanted'],
  },
  {
    name: 'a container the pod does not have: kills it',
    observed: observation([s0], [anInstance('app'), anInstance('stranger')]),
    plan: ['kill stranger-0 1s unwanted'],
  },
  {
    name: 'a container in an unknown state: kills it',
    observed: observation([s0], [anInstance('app', { state: 'unknown' })]),
    plan: ['kill app-0 1s unwanted'],
  },
  {
    name: 'a container that was created and not started: starts it',
    observed: observation([s0], [anInstance('app', { state: 'created' })]),
    plan: ['start app 0 (app-0)'],
  },
  {
    name: 'a container that was created and could not be started: another',
    observed: observation([s0], [anInstance('app', { state: 'created' })]),
    memory: {
      failures: new Map([['app', { reason: 'RunContainerError', message: '', failedAtMs: now - 20_000 }]]),
    },
    plan: ['start app 1'],
  },
  {
    name: 'a container that was created from another definition: another',
    observed: observation(
      [s0],
      [anInstance('app', { state: 'created', annotations: { 'io.kubernetes.container.hash': 'other' } })],
    ),
    plan: ['start app 1'],
  },
  {
    name: 'keeps one ended instance of each container',
    observed: observation(
      [s0],
      [anEnded('app', 1), anEnded('app', 1, { attempt: 1 }), anInstance('app', { attempt: 2 })],
    ),
    plan: ['removeContainer app-0'],
  },
  {
    name: 'ending: kills everything at once',
    spec: two,
    observed: observation([s0], [anInstance('a'), anInstance('b')]),
    ending: ending(),
    plan: ['kill a-0 30s podEnding', 'kill b-0 30s podEnding'],
  },
  {
    name: 'ending: sidecars last',
    spec: withSidecar,
    observed: observation([s0], [anInstance('proxy'), anEnded('i', 0), anInstance('app')]),
    ending: ending(),
    plan: ['kill app-0 30s podEnding'],
    wakeAtMs: now + 30_000,
  },
  {
    name: 'ending: sidecars when nothing else runs',
    spec: withSidecar,
    observed: observation([s0], [anInstance('proxy'), anEnded('i', 0), anEnded('app', 0)]),
    ending: ending({ sinceMs: now - 5000 }),
    plan: ['kill proxy-0 25s podEnding'],
  },
  {
    name: 'ending: sidecars when time is up',
    spec: withSidecar,
    observed: observation([s0], [anInstance('proxy'), anInstance('app')]),
    ending: ending({ sinceMs: now - 40_000 }),
    memory: inFlight('kill/app-0'),
    plan: ['kill proxy-0 0s podEnding'],
  },
  {
    name: 'ending: a shorter grace replaces the kill under way',
    observed: observation([s0], [anInstance('app')]),
    ending: ending({ graceSeconds: 1 }),
    memory: { inFlight: new Map([['kill/app-0', { deadlineMs: now + 20_000 }]]) },
    plan: ['kill app-0 1s podEnding'],
  },
  {
    name: 'ending: a kill under way that is due in time stays',
    observed: observation([s0], [anInstance('app')]),
    ending: ending({ graceSeconds: 1 }),
    memory: { inFlight: new Map([['kill/app-0', { deadlineMs: now + 1000 }]]) },
    plan: [],
  },
  {
    name: 'ending: waits for a start under way',
    observed: observation([s0]),
    ending: ending(),
    memory: inFlight('start/app'),
    plan: [],
  },
  {
    name: 'ending: nothing runs, releases the sandbox',
    observed: observation([s0], [anEnded('app', 0)]),
    ending: ending(),
    plan: ['stopSandbox s0'],
  },
  {
    name: 'ended and to stay: keeps the instance and the sandbox',
    observed: observation([dead], [anEnded('app', 0)]),
    ending: ending({ remove: false }),
    memory: { stoppedSandboxes: new Set(['s0']) },
    plan: [],
    outcome: 'stopped',
  },
  {
    name: 'ended and to go: removes containers, then the sandbox',
    observed: observation([dead], [anEnded('app', 0)]),
    ending: ending(),
    memory: { stoppedSandboxes: new Set(['s0']) },
    plan: ['removeContainer app-0'],
    outcome: 'stopped',
  },
  {
    name: 'ended, no containers left: removes the sandbox',
    observed: observation([dead]),
    ending: ending(),
    memory: { stoppedSandboxes: new Set(['s0']) },
    plan: ['removeSandbox s0'],
    outcome: 'stopped',
  },
  {
    name: 'ended, nothing left',
    observed: emptyObservation('uid', '', ''),
    ending: ending(),
    plan: [],
    outcome: 'removed',
  },
]

describe('planPod', () => testPlans(rows))
