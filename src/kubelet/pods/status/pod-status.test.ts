import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ContainerStatus, Pod, PodSpec, PodStatus } from '../../../api/generated/core.v1.ts'
import { aContainer, aPod } from '../../testing/pod-builder.ts'
import { emptyObservation, type PodObservation } from '../observation.ts'
import { aSandbox, anEnded, anInstance, observation } from '../testing/observed-builder.ts'
import { podStatus, type PodStatusInput } from './pod-status.ts'
import { statusPatch } from './status-patch.ts'

const now = Date.UTC(2026, 0, 1)
const s0 = aSandbox('s0')

function make(spec: Partial<PodSpec>, observed: PodObservation, more: Partial<PodStatusInput> = {}) {
  return podStatus({
    pod: aPod('pod', spec),
    observed,
    probes: { startup: () => 'success', liveness: () => 'success', readiness: () => 'success' },
    waiting: new Map(),
    isStarting: () => false,
    previous: {},
    ending: false,
    stopped: false,
    applied: { containers: new Map() },
    hostIPs: ['192.0.2.1'],
    now,
    ...more,
  })
}

const condition = ({ conditions }: PodStatus, type: string) => {
  const found = conditions?.find((condition) => condition.type === type)
  return [found?.status, found?.reason, found?.message]
}
const first = ({ containerStatuses }: PodStatus) => containerStatuses?.[0]

describe('podStatus', () => {
  const policies = {
    Always: {},
    OnFailure: { restartPolicy: 'OnFailure' },
    Never: { restartPolicy: 'Never' },
  } as const
  const two = { containers: [aContainer('a'), aContainer('b')] }
  const rows: readonly {
    readonly name: string
    readonly spec: Partial<PodSpec>
    readonly observed: PodObservation
    readonly more?: Partial<PodStatusInput>
    readonly phase: string
    readonly terminal?: boolean
  }[] = [
    { name: 'nothing yet', spec: {}, observed: emptyObservation('uid', '', ''), phase: 'Pending' },
    { name: 'running', spec: {}, observed: observation([s0], [anInstance('app')]), phase: 'Running' },
    {
      name: 'one of two runs',
      spec: two,
      observed: observation([s0], [anInstance('a')]),
      phase: 'Pending',
    },
    {
      name: 'ended, restarts',
      spec: policies.Always,
      observed: observation([s0], [anEnded('app', 0)]),
      phase: 'Running',
    },
    {
      name: 'failed, restarts on failure',
      spec: policies.OnFailure,
      observed: observation([s0], [anEnded('app', 1)]),
      phase: 'Running',
    },
    {
      name: 'succeeded, still being stopped: not told yet',
      spec: policies.OnFailure,
      observed: observation([s0], [anEnded('app', 0)]),
      more: { previous: { phase: 'Running' } },
      phase: 'Running',
      terminal: true,
    },
    {
      name: 'succeeded and stopped',
      spec: policies.OnFailure,
      observed: observation([s0], [anEnded('app', 0)]),
      more: { ending: true, stopped: true },
      phase: 'Succeeded',
      terminal: true,
    },
    {
      name: 'one failed, never restarts, stopped',
      spec: { ...two, ...policies.Never },
      observed: observation([s0], [anEnded('a', 0), anEnded('b', 1)]),
      more: { ending: true, stopped: true },
      phase: 'Failed',
      terminal: true,
    },
    {
      name: 'one ended, the other runs',
      spec: { ...two, ...policies.Never },
      observed: observation([s0], [anEnded('a', 1), anInstance('b')]),
      phase: 'Running',
    },
    {
      name: 'an init container runs',
      spec: { initContainers: [aContainer('i')] },
      observed: observation([s0], [anInstance('i')]),
      phase: 'Pending',
    },
    {
      name: 'an init container failed for good',
      spec: { initContainers: [aContainer('i')], ...policies.Never },
      observed: observation([s0], [anEnded('i', 1)]),
      more: { ending: true, stopped: true },
      phase: 'Failed',
      terminal: true,
    },
    {
      name: 'deleted while it ran, stopped',
      spec: {},
      observed: observation([s0], [anEnded('app', 137)]),
      more: { ending: true, stopped: true },
      phase: 'Failed',
      terminal: true,
    },
    {
      name: 'an end is never taken back',
      spec: {},
      observed: observation([s0], [anInstance('app')]),
      more: { previous: { phase: 'Failed', reason: 'Evicted' } },
      phase: 'Failed',
      terminal: true,
    },
    {
      name: 'evicted, still stopping',
      spec: {},
      observed: observation([s0], [anInstance('app')]),
      more: { failure: { reason: 'Evicted', message: '' }, previous: { phase: 'Running' } },
      phase: 'Running',
      terminal: true,
    },
  ]
  for (const { name, spec, observed, more, phase, terminal = false } of rows) {
    it(`phase: ${name}`, () => {
      const result = make(spec, observed, more)
      assert.equal(result.status.phase, phase)
      assert.equal(result.terminal, terminal)
    })
  }

  it('tells what is not ready', () => {
    const { status } = make(
      { initContainers: [aContainer('i')], ...two },
      observation([s0], [anInstance('i')]),
    )
    assert.deepEqual(condition(status, 'Initialized'), [
      'False',
      'ContainersNotInitialized',
      'containers with incomplete status: [i]',
    ])
    assert.deepEqual(condition(status, 'ContainersReady'), [
      'False',
      'ContainersNotReady',
      'containers with unready status: [a b]',
    ])
    assert.equal(first(status)?.state?.waiting?.reason, 'PodInitializing')
  })

  it('waits for readiness gates', () => {
    const spec = { readinessGates: [{ conditionType: 'example.org/gate' }] }
    const { status } = make(spec, observation([s0], [anInstance('app')]))
    assert.deepEqual(condition(status, 'ContainersReady'), ['True', undefined, undefined])
    assert.deepEqual(condition(status, 'Ready'), [
      'False',
      'ReadinessGatesNotReady',
      'corresponding condition of pod readiness gate "example.org/gate" does not exist.',
    ])
  })

  it('keeps the time of a condition that does not change', () => {
    const lastTransitionTime = '2025-01-01T00:00:00Z'
    const previous: PodStatus = { conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime }] }
    const { status } = make({}, observation([s0]), { previous })
    const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled')
    assert.equal(scheduled?.lastTransitionTime, lastTransitionTime)
  })

  it('a container in its back-off shows its last end', () => {
    const waiting = new Map([['app', { reason: 'CrashLoopBackOff', message: 'back-off' }]])
    const { status } = make({}, observation([s0], [anEnded('app', 3, { attempt: 2 })]), { waiting })
    assert.deepEqual(first(status)?.state, { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } })
    assert.equal(first(status)?.lastState?.terminated?.exitCode, 3)
    assert.equal(first(status)?.restartCount, 2)
  })

  it('a container whose postStart hook runs has not started', () => {
    const { status } = make({}, observation([s0], [anInstance('app')]), { isStarting: () => true })
    assert.deepEqual([first(status)?.started, first(status)?.ready], [false, false])
  })

  it('what the runtime has lost is not forgotten', () => {
    const running: ContainerStatus = {
      name: 'app',
      state: { running: {} },
      ready: true,
      restartCount: 3,
      image: '',
      imageID: '',
      containerID: 'test://x',
    }
    const lost = make({}, observation([s0]), { previous: { containerStatuses: [running] } })
    assert.equal(first(lost.status)?.restartCount, 3)
    assert.equal(first(lost.status)?.lastState?.terminated?.reason, 'ContainerStatusUnknown')
    const ended = make({}, observation([]), {
      previous: { phase: 'Running', containerStatuses: [running] },
      ending: true,
      stopped: true,
    })
    assert.equal(first(ended.status)?.state?.terminated?.exitCode, 137)
    assert.equal(ended.status.phase, 'Failed')
  })

  it('an end told once stays as it was told', () => {
    const before = make(
      { restartPolicy: 'Never' },
      observation([s0], [anEnded('app', 1, { terminationMessage: 'last words' })]),
    )
    const after = make({ restartPolicy: 'Never' }, observation([s0], [anEnded('app', 1)]), {
      previous: before.status,
    })
    assert.equal(first(after.status)?.state?.terminated?.message, 'last words')
    const gone = make({ restartPolicy: 'Never' }, observation([]), { previous: after.status })
    assert.equal(first(gone.status)?.state?.terminated?.message, 'last words')
  })

  it('adds nothing to what ended before and has left nothing', () => {
    const previous: PodStatus = { phase: 'Failed', reason: 'OutOfcpu', message: 'Pod was rejected: x' }
    assert.deepEqual(make({}, observation([]), { previous }), { terminal: true, status: previous })
  })

  it('keeps addresses when the sandbox is gone', () => {
    const before = make({}, observation([s0], [anInstance('app')]))
    assert.deepEqual(before.status.podIPs, [{ ip: '10.0.0.2' }])
    const after = make({}, observation([]), { previous: before.status })
    assert.equal(after.status.podIP, '10.0.0.2')
    const host = make({ hostNetwork: true }, observation([aSandbox('s0', { ips: [], network: 'node' })]))
    assert.equal(host.status.podIP, '192.0.2.1')
  })
})

describe('statusPatch', () => {
  const status = (pod: Pod['status']): PodStatus => pod ?? {}

  it('is nothing when nothing differs, also where the server leaves empty things out', () => {
    const wanted = status({
      phase: 'Running',
      containerStatuses: [{ name: 'a', lastState: {}, ready: true, restartCount: 0, image: '', imageID: '' }],
    })
    const found = status({
      phase: 'Running',
      containerStatuses: [{ name: 'a', ready: true, restartCount: 0, image: '', imageID: '' }],
    })
    assert.equal(statusPatch('uid', found, wanted), undefined)
  })

  it('names only what differs, and takes away what is gone', () => {
    const found = status({
      phase: 'Pending',
      reason: 'X',
      podIPs: [{ ip: '1' }],
      conditions: [
        { type: 'Ready', status: 'False', reason: 'R' },
        { type: 'Other', status: 'True' },
      ],
    })
    const wanted = status({
      phase: 'Pending',
      podIPs: [{ ip: '2' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    })
    assert.deepEqual(statusPatch('uid', found, wanted), {
      metadata: { uid: 'uid' },
      status: {
        reason: null,
        '$setElementOrder/podIPs': [{ ip: '2' }],
        podIPs: [{ ip: '2' }, { ip: '1', $patch: 'delete' }],
        '$setElementOrder/conditions': [{ type: 'Ready' }, { type: 'Other' }],
        conditions: [{ type: 'Ready', status: 'True', reason: null }],
      },
    })
  })
})
