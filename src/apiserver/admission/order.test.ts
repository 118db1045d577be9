import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { namespaces, pods, resourceQuotas, serviceAccounts, services } from '../../api/generated/resources.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { alwaysAllow } from '../authorization/always-allow.ts'
import { optionalPlugins } from './optional/optional-plugins.ts'
import { createAdmissionPlugins, type AdmissionChoice } from './order.ts'
import { denyServiceExternalIps } from './optional/deny-service-external-ips.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { admissionRequest, admit } from './testing/admission-requests.ts'
import { memoryObjects } from './testing/memory-objects.ts'

const webhooks: AdmissionPlugin = { name: 'MutatingAdmissionWebhook', handles: () => true }

function plugins(choice?: AdmissionChoice, objects = memoryObjects()) {
  const context = { objects, authorizer: alwaysAllow, clock: fakeClock(), random: seededRandom(1) }
  const optional = optionalPlugins(() => () => Promise.resolve({}))
  const parts = { ...context, servedKind: () => undefined, metrics: createMetrics() }
  return createAdmissionPlugins(parts, { mutatingWebhooks: webhooks }, { optional, ...choice })
}
const namesOf = (choice?: AdmissionChoice) => plugins(choice).map(({ name }) => name)

describe('createAdmissionPlugins', () => {
  it("keeps upstream's order", () => {
    assert.deepEqual(namesOf(), [
      'NamespaceLifecycle',
      'LimitRanger',
      'ServiceAccount',
      'NodeRestriction',
      'TaintNodesByCondition',
      'PodSecurity',
      'Priority',
      'DefaultTolerationSeconds',
      'DefaultStorageClass',
      'StorageObjectInUseProtection',
      'PersistentVolumeClaimResize',
      'RuntimeClass',
      'CertificateApproval',
      'CertificateSigning',
      'ClusterTrustBundleAttest',
      'CertificateSubjectRestriction',
      'DefaultIngressClass',
      'PodTopologyLabels',
      'NodeDeclaredFeatureValidator',
      'MutatingAdmissionWebhook',
      'ResourceQuota',
    ])
  })

  it('lets be chosen', () => {
    const chosen = namesOf({ enable: ['AlwaysPullImages'], disable: ['PodSecurity'] })
    assert.deepEqual(chosen.slice(4, 7), ['TaintNodesByCondition', 'AlwaysPullImages', 'Priority'])
    assert.throws(() => namesOf({ enable: ['Nonsense'] }), { message: 'unknown admission plugins: Nonsense' })
  })

  it('makes of a plain pod what upstream makes of it', async () => {
    const objects = memoryObjects()
    objects.put(namespaces, { metadata: { name: 'default' }, status: { phase: 'Active' } })
    objects.put(serviceAccounts, { metadata: { name: 'default', namespace: 'default' } })
    objects.put(resourceQuotas, {
      metadata: { name: 'q', namespace: 'default' },
      status: { hard: { pods: '1' }, used: { pods: '0' } },
    })
    const all = plugins({ enable: ['AlwaysPullImages', 'ExtendedResourceToleration'] }, objects)
    const request = admissionRequest<Pod>('CREATE', pods, {
      metadata: { name: 'p', namespace: 'default' },
      spec: {
        containers: [{ name: 'c', image: 'x', resources: { requests: { 'example.com/gpu': '1' } } }],
      },
    })
    for (const plugin of all) if (plugin.handles(request)) await plugin.mutate?.(request)
    for (const plugin of all) if (plugin.handles(request)) await plugin.validate?.(request)
    const { spec } = request.object as Pod
    assert.equal(spec?.serviceAccountName, 'default')
    assert.equal(spec?.priority, 0)
    assert.equal(spec?.containers[0]?.imagePullPolicy, 'Always')
    assert.deepEqual(
      spec?.tolerations?.map(({ key }) => key),
      ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable', 'example.com/gpu'],
    )
    assert.deepEqual(objects.get(resourceQuotas, { namespace: 'default', name: 'q' })?.status?.used, {
      pods: '1',
    })
  })
})

describe('denyServiceExternalIps', () => {
  it('refuses new addresses only', async () => {
    const service = (externalIPs: readonly string[]) => ({
      metadata: { name: 's', namespace: 'default' },
      spec: { externalIPs },
    })
    const update = (before: readonly string[], after: readonly string[]) =>
      admit(
        denyServiceExternalIps,
        admissionRequest('UPDATE', services, service(after), { oldObject: service(before) }),
      )
    await update(['1.1.1.1'], ['1.1.1.1'])
    await update(['1.1.1.1'], [])
    await assert.rejects(update(['1.1.1.1'], ['1.1.1.1', '2.2.2.2']), {
      message: 'services "s" is forbidden: Use of external IPs is denied by admission control',
    })
  })
})
