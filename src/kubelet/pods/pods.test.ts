import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node, Pod, PodSpec } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import { testContext, until } from '../../client/testing/test-context.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { admit } from './admission.ts'
import { containerBackoff, nextBackoff, restartBackoff, retryAt, type Backoff } from './backoff.ts'
import { nextEnding } from './pod-ending.ts'
import { createStatusWriter } from './status-writer.ts'

describe('admit', () => {
  const node: Node = {
    metadata: { name: 'node-1', labels: { zone: 'a' } },
    spec: {
      taints: [
        { key: 'drain', effect: 'NoExecute' },
        { key: 'busy', effect: 'NoSchedule' },
      ],
    },
    status: { allocatable: { cpu: '2', memory: '1Gi', pods: '2' } },
  }
  const tolerant: Partial<PodSpec> = { tolerations: [{ operator: 'Exists' }] }
  const asking = (requests: Record<string, string>, more: Partial<PodSpec> = {}) =>
    aPod('pod', { ...tolerant, containers: [aContainer('app', { resources: { requests } })], ...more })
  const hostPort = (hostPort: number, hostIP = '') =>
    aPod('pod', {
      ...tolerant,
      containers: [aContainer('app', { ports: [{ containerPort: 80, hostPort, hostIP }] })],
    })
  const rows: readonly (readonly [string, Pod, readonly Pod[], string | undefined])[] = [
    ['fits', asking({ cpu: '2' }), [], undefined],
    [
      'too much CPU beside others',
      asking({ cpu: '1500m' }),
      [asking({ cpu: '1' })],
      "OutOfcpu: Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
    ],
    [
      'too much memory',
      asking({ memory: '2Gi' }),
      [],
      "OutOfmemory: Pod was rejected: Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824",
    ],
    [
      'too many pods',
      asking({}),
      [asking({}), asking({})],
      "OutOfpods: Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2",
    ],
    ['an unknown extended resource is not ours', asking({ 'example.org/x': '1' }), [], undefined],
    [
      'another node',
      asking({}, { nodeSelector: { zone: 'b' } }),
      [],
      "NodeAffinity: Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    ],
    [
      'a port is taken',
      hostPort(80),
      [hostPort(80, '10.0.0.1')],
      "NodePorts: Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    ],
    ['a port on another address', hostPort(80, '10.0.0.2'), [hostPort(80, '10.0.0.1')], undefined],
    [
      'a taint that drives it away',
      aPod('pod'),
      [],
      "TaintToleration: Pod was rejected: Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate",
    ],
    [
      'a sysctl that is not safe',
      asking({}, { securityContext: { sysctls: [{ name: 'kernel/sem', value: '1' }] } }),
      [],
      'SysctlForbidden: Pod was rejected: forbidden sysctl: "kernel/sem" not allowlisted',
    ],
    [
      'a sysctl that this node permits',
      asking({}, { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }),
      [],
      undefined,
    ],
    [
      'a sysctl of the node network',
      asking(
        {},
        {
          hostNetwork: true,
          securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] },
        },
      ),
      [],
      'SysctlForbidden: Pod was rejected: forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
    ],
    [
      'AppArmor where there is none',
      asking({}, { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
      [],
      'AppArmor: Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host',
    ],
    [
      'another system',
      asking({}, { os: { name: 'windows' } }),
      [],
      "PodOSNotSupported: Pod was rejected: Failed to admit pod as the OS field doesn't match node OS",
    ],
  ]
  for (const [name, pod, others, expected] of rows) {
    it(name, () => {
      const failure = admit(pod, others, node, { allowedUnsafeSysctls: ['kernel.msg*'], hasAppArmor: false })
      assert.equal(failure && `${failure.reason}: ${failure.message}`, expected)
    })
  }
})

describe('backoff', () => {
  it('is as short as the node says, also at first', () => {
    const delays = (policy = restartBackoff()) => {
      let backoff: Backoff | undefined
      return Array.from({ length: 7 }, () => (backoff = nextBackoff(policy, backoff, 0, 0)).delayMs / 1000)
    }
    assert.deepEqual(delays(), [10, 20, 40, 80, 160, 300, 300])
    assert.deepEqual(delays(restartBackoff(30_000)), [10, 20, 30, 30, 30, 30, 30])
    assert.deepEqual(delays(restartBackoff(2000)), [2, 2, 2, 2, 2, 2, 2])
  })

  it('doubles to its longest, and is forgotten after twice that', () => {
    let backoff: Backoff | undefined
    let time = 0
    const delays: number[] = []
    for (let crash = 0; crash < 8; crash++) {
      time = Math.max(time, retryAt(containerBackoff, backoff, time))
      backoff = nextBackoff(containerBackoff, backoff, time, time)
      delays.push(backoff.delayMs / 1000)
    }
    assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300, 300])
    const later = time + 600_001
    assert.equal(retryAt(containerBackoff, backoff, later), later)
    assert.equal(nextBackoff(containerBackoff, backoff, later, later).delayMs, 10_000)
  })
})

describe('nextEnding', () => {
  const deleted = (deletionGracePeriodSeconds: number) =>
    aPod('pod', {}, { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds })
  const quiet = { removed: false, terminal: false }

  it('is nothing while the pod is wanted', () => {
    assert.equal(nextEnding(undefined, { pod: aPod('pod'), ...quiet }, 0), undefined)
  })

  it('takes the grace of the deletion, at least a second', () => {
    assert.deepEqual(nextEnding(undefined, { pod: deleted(20), ...quiet }, 5), {
      sinceMs: 5,
      graceSeconds: 20,
      remove: true,
    })
    assert.equal(nextEnding(undefined, { pod: deleted(0), ...quiet }, 5)?.graceSeconds, 1)
  })

  it('is only ever brought forward', () => {
    const before = { sinceMs: 0, graceSeconds: 20, remove: true }
    assert.equal(nextEnding(before, { pod: deleted(30), ...quiet }, 1000), before)
    assert.deepEqual(nextEnding(before, { pod: deleted(2), ...quiet }, 1000), {
      sinceMs: 1000,
      graceSeconds: 2,
      remove: true,
    })
    assert.equal(nextEnding(before, { pod: deleted(2), ...quiet }, 19_000), before)
  })

  it('turns an end into a removal', () => {
    const before = nextEnding(undefined, { pod: aPod('pod'), removed: false, terminal: true }, 0)
    assert.equal(before?.remove, false)
    assert.equal(nextEnding(before, { pod: deleted(1), ...quiet }, 100)?.remove, true)
  })
})

describe('createStatusWriter', () => {
  async function setUp() {
    const context = testContext()
    const pod = await context.client.create(pods, aPod('pod'))
    const writer = createStatusWriter(context)
    const writes = () => context.client.calls.filter(({ verb }) => verb === 'patch').length
    const phase = async () =>
      (await context.client.get(pods, { namespace: 'default', name: 'pod' })).status?.phase
    return { context, pod, writer, writes, phase }
  }

  it('writes one status for many in a row', async () => {
    const { context, pod, writer, writes, phase } = await setUp()
    writer.write(pod, { phase: 'Pending', startTime: '2026-01-01T00:00:00Z' })
    writer.write(pod, { phase: 'Pending', podIP: '10.0.0.1' })
    writer.write(pod, { phase: 'Running', podIP: '10.0.0.1' })
    await context.clock.advance(1000)
    assert.equal(await phase(), 'Running')
    assert.equal(writes(), 1)
  })

  it('lets a start settle before it tells of it', async () => {
    const { context, pod, writer, writes } = await setUp()
    const containerStatuses = [
      {
        name: 'app',
        state: { waiting: { reason: 'ContainerCreating' } },
        ready: false,
        restartCount: 0,
        image: '',
        imageID: '',
      },
    ]
    writer.write(pod, { phase: 'Pending', containerStatuses })
    await context.clock.advance(200)
    assert.equal(writes(), 0)
    await context.clock.advance(100)
    assert.equal(writes(), 1)
  })

  it('tries again when the server cannot, and not when the pod is gone', async () => {
    const { context, pod, writer, writes, phase } = await setUp()
    let failures = 2
    context.client.onWrite = () => {
      if (failures-- > 0) throw new Error('down')
    }
    writer.write(pod, { phase: 'Running' })
    await context.clock.advance(5000)
    assert.equal(await phase(), 'Running')
    delete context.client.onWrite
    await context.client.delete(pods, { namespace: 'default', name: 'pod' }, { gracePeriodSeconds: 0 })
    const before = writes()
    await writer.flush(pod, { phase: 'Failed' })
    await context.clock.advance(60_000)
    assert.ok(writes() - before <= 1)
  })

  it('writes back what somebody else has changed', async () => {
    const { context, pod, writer, phase } = await setUp()
    writer.write(pod, { phase: 'Running' })
    await context.clock.advance(10)
    const changed = await context.client.patch(
      pods,
      { namespace: 'default', name: 'pod' },
      { type: 'merge', body: { status: { phase: 'Pending' } } },
      { subresource: 'status' },
    )
    writer.write(changed, { phase: 'Running' })
    await context.clock.advance(10)
    await until(() => true)
    assert.equal(await phase(), 'Running')
  })
})
