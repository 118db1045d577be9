import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Pod, PodSpec, ResourceQuotaSpec } from '../../../api/generated/core.v1.ts'
import {
  persistentVolumeClaims,
  pods,
  resourceQuotas,
  secrets,
  services,
} from '../../../api/generated/resources.ts'
import { fakeClock } from '../../../machinery/testing/fake-clock.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { admissionRequest, admit } from '../testing/admission-requests.ts'
import { memoryObjects, type MemoryObjects } from '../testing/memory-objects.ts'
import { createResourceQuota } from './resource-quota.ts'

type Amounts = Readonly<Record<string, string>>

let objects: MemoryObjects
let plugin: AdmissionPlugin

describe('resource quota', () => {
  beforeEach(() => {
    objects = memoryObjects()
    plugin = createResourceQuota(objects, fakeClock())
  })

  function quota(hard: Amounts, used: Amounts, spec: ResourceQuotaSpec = {}, name = 'q') {
    objects.put(resourceQuotas, {
      metadata: { name, namespace: 'default' },
      spec: { hard, ...spec },
      status: { hard, used },
    })
  }
  const usedOf = (name = 'q') => objects.get(resourceQuotas, { namespace: 'default', name })?.status?.used

  const pod = (spec: Partial<PodSpec> = {}, cpu?: string): Pod => ({
    metadata: { name: 'p', namespace: 'default' },
    spec: {
      containers: [{ name: 'c', image: 'x', ...(cpu && { resources: { requests: { cpu } } }) }],
      ...spec,
    },
  })
  const create = (object: Pod, rest: { readonly dryRun?: boolean } = {}) =>
    admit(plugin, admissionRequest('CREATE', pods, object, rest))

  describe('createResourceQuota', () => {
    it('charges what a pod will use', async () => {
      quota(
        { pods: '2', 'requests.cpu': '1', 'count/pods': '5' },
        { pods: '0', 'requests.cpu': '0', 'count/pods': '0' },
      )
      await create(pod({}, '250m'))
      assert.deepEqual(usedOf(), { pods: '1', 'requests.cpu': '250m', 'count/pods': '1' })
    })

    it('refuses what is too much', async () => {
      quota({ pods: '10', 'requests.cpu': '1' }, { pods: '0', 'requests.cpu': '900m' })
      await assert.rejects(create(pod({}, '200m')), {
        message:
          'pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=200m, used: requests.cpu=900m, limited: requests.cpu=1',
      })
      assert.deepEqual(usedOf(), { pods: '0', 'requests.cpu': '900m' })
    })

    it('refuses what cannot be counted', async () => {
      quota({ 'requests.cpu': '1', 'limits.memory': '1Gi' }, { 'requests.cpu': '0', 'limits.memory': '0' })
      await assert.rejects(create(pod()), {
        message:
          'pods "p" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
      })
      quota({ pods: '1' }, {})
      await assert.rejects(create(pod()), {
        message: 'pods "p" is forbidden: status unknown for quota: q, resources: pods',
      })
    })

    it('never lets more in than there is room for, however many come at once', async () => {
      quota({ pods: '10' }, { pods: '3' })
      quota({ 'count/pods': '8' }, { 'count/pods': '0' }, {}, 'other')
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => create(pod())))
      assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 7)
      assert.deepEqual([usedOf(), usedOf('other')], [{ pods: '10' }, { 'count/pods': '7' }])
      assert.equal(objects.writes.length, 2)
    })

    it('gives back what a write that failed did not use', async () => {
      quota({ pods: '1' }, { pods: '0' })
      const request = admissionRequest('CREATE', pods, pod())
      await admit(plugin, request)
      await plugin.release?.(request)
      assert.deepEqual(usedOf(), { pods: '0' })
      await plugin.release?.(request)
      assert.deepEqual(usedOf(), { pods: '0' })
    })

    it('releases nothing for a request that it refused', async () => {
      quota({ pods: '1' }, { pods: '1' })
      const request = admissionRequest('CREATE', pods, pod())
      await assert.rejects(admit(plugin, request))
      await plugin.release?.(request)
      assert.deepEqual(usedOf(), { pods: '1' })
    })

    it('uses nothing in a dry run', async () => {
      quota({ pods: '1' }, { pods: '0' })
      await create(pod(), { dryRun: true })
      assert.deepEqual(usedOf(), { pods: '0' })
    })

    it('looks again when somebody else has written the quota', async () => {
      quota({ pods: '5' }, { pods: '4' })
      const stale = objects.get(resourceQuotas, { namespace: 'default', name: 'q' })!
      quota({ pods: '5' }, { pods: '5' })
      let first = true
      const behind = {
        ...objects,
        list: ((...parameters: Parameters<MemoryObjects['list']>) =>
          first ? [stale] : objects.list(...parameters)) as MemoryObjects['list'],
      }
      plugin = createResourceQuota(behind, fakeClock())
      await assert.rejects(
        create(pod()),
        /exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5/,
      )
      first = false
      assert.deepEqual(usedOf(), { pods: '5' })
    })

    const scopes: readonly [string, ResourceQuotaSpec, Partial<PodSpec>, boolean][] = [
      ['Terminating', { scopes: ['Terminating'] }, { activeDeadlineSeconds: 5 }, true],
      ['Terminating, not', { scopes: ['Terminating'] }, {}, false],
      ['NotTerminating', { scopes: ['NotTerminating'] }, {}, true],
      ['BestEffort', { scopes: ['BestEffort'] }, {}, true],
      ['NotBestEffort', { scopes: ['NotBestEffort'] }, {}, false],
      [
        'PriorityClass',
        {
          scopeSelector: {
            matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }],
          },
        },
        { priorityClassName: 'high' },
        true,
      ],
      [
        'PriorityClass, another',
        {
          scopeSelector: {
            matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }],
          },
        },
        { priorityClassName: 'low' },
        false,
      ],
      [
        'CrossNamespacePodAffinity',
        { scopes: ['CrossNamespacePodAffinity'] },
        {
          affinity: {
            podAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', namespaces: ['a'] }],
            },
          },
        },
        true,
      ],
    ]
    for (const [what, spec, given, counts] of scopes) {
      it(`counts by scope ${what}: ${counts}`, async () => {
        quota({ pods: '5' }, { pods: '0' }, spec)
        await create(pod(given))
        assert.deepEqual(usedOf(), { pods: counts ? '1' : '0' })
      })
    }

    it('counts services, claims and other objects', async () => {
      const hard = {
        services: '5',
        'services.nodeports': '5',
        'services.loadbalancers': '5',
        'requests.storage': '10Gi',
        'fast.storageclass.storage.k8s.io/requests.storage': '10Gi',
        persistentvolumeclaims: '5',
        secrets: '5',
        'count/secrets': '5',
      }
      quota(hard, Object.fromEntries(Object.keys(hard).map((name) => [name, '0'])))
      const metadata = { name: 'x', namespace: 'default' }
      const service = { metadata, spec: { type: 'LoadBalancer' as const, ports: [{ port: 1 }, { port: 2 }] } }
      const claim = (storage: string) => ({
        metadata: { ...metadata, resourceVersion: '1' },
        spec: { storageClassName: 'fast', resources: { requests: { storage } } },
      })
      await admit(plugin, admissionRequest('CREATE', services, service))
      await admit(plugin, admissionRequest('CREATE', persistentVolumeClaims, claim('1Gi')))
      await admit(
        plugin,
        admissionRequest('UPDATE', persistentVolumeClaims, claim('3Gi'), { oldObject: claim('1Gi') }),
      )
      await admit(plugin, admissionRequest('CREATE', secrets, { metadata }))
      assert.deepEqual(usedOf(), {
        services: '1',
        'services.nodeports': '2',
        'services.loadbalancers': '1',
        'requests.storage': '3Gi',
        'fast.storageclass.storage.k8s.io/requests.storage': '3Gi',
        persistentvolumeclaims: '1',
        secrets: '1',
        'count/secrets': '1',
      })
    })
  })
})
