import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { ResourceQuotaSpec } from '../../api/generated/core.v1.ts'
import { pods, resourceQuotas } from '../../api/generated/resources.ts'
import type { RunningComponent } from '../../client/component.ts'
import { testContext, until, type TestContext } from '../../client/testing/test-context.ts'
import type { Resource } from '../../machinery/resource.ts'
import { aPod } from '../testing/a-pod.ts'
import { serveDiscovery } from '../testing/serve-discovery.ts'
import { startResourceQuota } from './resourcequota.ts'

const widgets: Resource = {
  group: 'e.com',
  version: 'v1',
  resource: 'widgets',
  kind: 'Widget',
  namespaced: true,
}

void describe('startResourceQuota', () => {
  let context: TestContext
  let running: RunningComponent
  afterEach(async () => {
    await running.stop()
    await context.informers.stop()
  })

  async function start(spec: ResourceQuotaSpec, prepare: () => void = () => {}): Promise<void> {
    context = testContext()
    serveDiscovery(context.client, [{ resource: widgets }])
    const resources = { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: '1' } }
    for (const name of ['a', 'b'])
      context.client.seed(pods, aPod(name, { spec: { containers: [{ name: 'c', resources }] } }))
    context.client.seed(pods, aPod('best-effort'), aPod('elsewhere', { metadata: { namespace: 'other' } }))
    context.client.seed(widgets, { metadata: { namespace: 'default', name: 'w' } })
    context.client.seed(resourceQuotas, { metadata: { namespace: 'default', name: 'q' }, spec })
    prepare()
    running = startResourceQuota(context)
    await running.ready
  }

  async function usedBecomes(expected: Record<string, string>): Promise<void> {
    let used: unknown
    await until(() => {
      void context.client
        .get(resourceQuotas, { namespace: 'default', name: 'q' })
        .then(({ status }) => (used = status?.used))
      return JSON.stringify(used) === JSON.stringify(expected)
    }).catch(() => assert.deepEqual(used, expected))
  }

  async function settled(): Promise<void> {
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  void it('counts pods and their requests, and again when one is gone or has ended', async () => {
    await start({ hard: { pods: '10', 'requests.cpu': '4', 'limits.cpu': '4' } })
    await usedBecomes({ pods: '3', 'requests.cpu': '1', 'limits.cpu': '2' })
    await context.client.delete(pods, { namespace: 'default', name: 'a' })
    await usedBecomes({ pods: '2', 'requests.cpu': '500m', 'limits.cpu': '1' })
    const b = await context.client.get(pods, { namespace: 'default', name: 'b' })
    await context.client.update(pods, { ...b, status: { phase: 'Succeeded' } }, { subresource: 'status' })
    await usedBecomes({ pods: '1', 'requests.cpu': '0', 'limits.cpu': '0' })
  })

  void it('counts only what is in its scopes', async () => {
    await start({ hard: { pods: '10' }, scopes: ['BestEffort'] })
    await usedBecomes({ pods: '1' })
  })

  void it('counts custom resources by number', async () => {
    await start({ hard: { 'count/widgets.e.com': '5' } })
    await usedBecomes({ 'count/widgets.e.com': '1' })
    await context.client.delete(widgets, { namespace: 'default', name: 'w' })
    await usedBecomes({ 'count/widgets.e.com': '0' })
  })

  void it('leaves alone what the API server charges for an object that is not there yet', async () => {
    await start({ hard: { pods: '10' } })
    await usedBecomes({ pods: '3' })
    const charge = async (count: string) => {
      const quota = await context.client.get(resourceQuotas, { namespace: 'default', name: 'q' })
      const status = { ...quota.status, used: { pods: count } }
      await context.client.update(resourceQuotas, { ...quota, status }, { subresource: 'status' })
    }
    await charge('4')
    await settled()
    await context.client.create(pods, aPod('late'))
    await settled()
    await usedBecomes({ pods: '4' })
    // A write that was charged when something else made the controller count is found soon after.
    await charge('5')
    await settled()
    await context.client.delete(pods, { namespace: 'default', name: 'a' })
    await usedBecomes({ pods: '3' })
    await context.client.create(pods, aPod('later'))
    await settled()
    await context.clock.advance(5000)
    await usedBecomes({ pods: '4' })
  })

  void it('counts what it can while a resource cannot be listed', async () => {
    const spec = { hard: { pods: '10', 'count/widgets.e.com': '5' } }
    let isDown = true
    await start(spec, () => {
      const { list, watch } = context.client
      const refuse = ({ resource }: Resource) => {
        if (isDown && resource === 'widgets') throw new Error('down')
      }
      context.client.list = async (resource, options) => {
        refuse(resource)
        return list.call(context.client, resource, options) as never
      }
      context.client.watch = (resource, options) => {
        refuse(resource)
        return watch.call(context.client, resource, options) as never
      }
      context.client.seed(resourceQuotas, {
        metadata: { namespace: 'default', name: 'q' },
        spec,
        status: { hard: spec.hard, used: { pods: '7', 'count/widgets.e.com': '4' } },
      })
    })
    await settled()
    await context.clock.advance(10_000)
    await usedBecomes({ 'count/widgets.e.com': '4', pods: '3' })
    isDown = false
    await context.clock.advance(60_000)
    await usedBecomes({ pods: '3', 'count/widgets.e.com': '1' })
  })

  void it('counts anew what has changed its scope', async () => {
    await start({ hard: { pods: '10' }, scopes: ['NotTerminating'] })
    await usedBecomes({ pods: '3' })
    const a = await context.client.get(pods, { namespace: 'default', name: 'a' })
    await context.client.update(pods, { ...a, spec: { ...a.spec!, activeDeadlineSeconds: 60 } })
    await usedBecomes({ pods: '2' })
  })

  void it('follows changed limits', async () => {
    await start({ hard: { pods: '10' } })
    await usedBecomes({ pods: '3' })
    const quota = await context.client.get(resourceQuotas, { namespace: 'default', name: 'q' })
    await context.client.update(resourceQuotas, { ...quota, spec: { hard: { 'requests.memory': '8Gi' } } })
    await usedBecomes({ 'requests.memory': '2Gi' })
    const { status } = await context.client.get(resourceQuotas, { namespace: 'default', name: 'q' })
    assert.deepEqual(status!.hard, { 'requests.memory': '8Gi' })
  })
})
