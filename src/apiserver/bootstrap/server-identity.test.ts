import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Lease } from '../../api/generated/coordination.v1.ts'
import { leases } from '../../api/generated/resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { memoryObjects, type MemoryObjects } from '../admission/testing/memory-objects.ts'
import { serverId, ServerIdentity } from './server-identity.ts'

const namespace = 'kube-system'
const hostName = 'node-1'
const start = Date.parse('2026-01-01T00:00:00Z')
const hourMs = 3_600_000

describe('ServerIdentity', () => {
  let objects: MemoryObjects
  beforeEach(() => {
    objects = memoryObjects()
  })

  const random = seededRandom(1)
  const identity = (clock: Clock) => new ServerIdentity({ objects, clock, random, hostName })
  const found = (): readonly Lease[] => objects.list(leases, namespace)
  const names = () => found().map(({ metadata }) => metadata?.name ?? '')

  it('is named as upstream names it', () => {
    assert.equal(serverId(hostName), 'apiserver-lgabes5ywnaqeagh5dny4zlzs4')
  })

  it('says that the server is there, and says it again', async () => {
    const clock = fakeClock(start)
    const ours = identity(clock)
    await ours.renew()
    await clock.advance(10_000)
    await ours.renew()
    assert.equal(found().length, 1)
    const { metadata, spec } = found()[0]!
    assert.equal(metadata?.name, serverId(hostName))
    assert.deepEqual(metadata?.labels, {
      'apiserver.kubernetes.io/identity': 'kube-apiserver',
      'kubernetes.io/hostname': hostName,
    })
    assert.ok(spec?.holderIdentity?.startsWith(`${serverId(hostName)}_`))
    assert.equal(spec?.leaseDurationSeconds, 3600)
    assert.equal(Date.parse(spec?.renewTime ?? ''), start + 10_000)
  })

  it('takes over from the server that was here before, which then has nothing to take back', async () => {
    const clock = fakeClock(start)
    const [former, ours] = [identity(clock), identity(clock)]
    await former.renew()
    await ours.renew()
    await former.leave()
    assert.deepEqual(names(), [serverId(hostName)])
    await ours.leave()
    assert.deepEqual(names(), [])
  })

  it('forgets servers that have not been heard of for an hour, and nothing else', async () => {
    const lease = (name: string, renewedMs: number, labels?: Record<string, string>): Lease => ({
      metadata: { name, namespace, ...(labels && { labels }) },
      spec: { leaseDurationSeconds: 3600, renewTime: new Date(renewedMs).toISOString().replace('Z', '000Z') },
    })
    const server = { 'apiserver.kubernetes.io/identity': 'kube-apiserver' }
    const clock = fakeClock(start)
    objects.put(leases, lease('gone', start - hourMs - 1, server))
    objects.put(leases, lease('there', start - hourMs + 1, server))
    objects.put(leases, lease('another', start - 2 * hourMs))
    await identity(clock).forgetOthers()
    assert.deepEqual(names().toSorted(), ['another', 'there'])
  })
})
