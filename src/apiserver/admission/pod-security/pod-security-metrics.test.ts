import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '../../../api/generated/core.v1.ts'
import { deployments, namespaces, pods } from '../../../api/generated/resources.ts'
import { createMetrics } from '../../../machinery/metrics.ts'
import { admissionRequest, admit } from '../testing/admission-requests.ts'
import { memoryObjects } from '../testing/memory-objects.ts'
import { createPodSecurity } from './pod-security.ts'

const spec: PodSpec = { containers: [{ name: 'c', image: 'x' }], hostPID: true }

function setUp() {
  const objects = memoryObjects()
  const metrics = createMetrics()
  const exemptions = { namespaces: ['free'], usernames: [], runtimeClasses: [] }
  const plugin = createPodSecurity(objects, { exemptions }, metrics)
  const put = (name: string, labels: Record<string, string>) =>
    objects.put(namespaces, {
      metadata: {
        name,
        labels: Object.fromEntries(
          Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
        ),
      },
    })
  const create = (namespace: string) =>
    admit(plugin, admissionRequest('CREATE', pods, { metadata: { name: 'p', namespace }, spec }))
  return { plugin, metrics, put, create, samples: () => metrics.text().match(/^pod_security_.*$/gm) ?? [] }
}

const pod = 'request_operation="create",resource="pod",subresource=""'

test('pod security counts what it decides, by mode, level and version', async () => {
  const { put, create, samples } = setUp()
  put('n', { enforce: 'baseline', 'enforce-version': 'v1.30', audit: 'restricted', warn: 'restricted' })
  await assert.rejects(create('n'))
  put('later', { enforce: 'privileged', warn: 'baseline', 'warn-version': 'v1.99' })
  await create('later')
  put('open', {})
  await create('open')
  assert.deepEqual(samples(), [
    `pod_security_evaluations_total{decision="allow",policy_level="privileged",policy_version="latest",mode="enforce",${pod}} 2`,
    `pod_security_evaluations_total{decision="deny",policy_level="baseline",policy_version="future",mode="warn",${pod}} 1`,
    `pod_security_evaluations_total{decision="deny",policy_level="baseline",policy_version="v1.30",mode="enforce",${pod}} 1`,
    `pod_security_evaluations_total{decision="deny",policy_level="restricted",policy_version="latest",mode="audit",${pod}} 1`,
  ])
})

test('pod security counts exemptions, and labels that it cannot read', async () => {
  const { plugin, put, create, samples } = setUp()
  put('free', { enforce: 'restricted' })
  await create('free')
  put('odd', { warn: 'x', audit: 'privileged' })
  await create('odd')
  const deployment = {
    metadata: { name: 'd', namespace: 'free' },
    spec: { selector: {}, template: { spec } },
  }
  await admit(plugin, admissionRequest('CREATE', deployments, deployment))
  assert.deepEqual(samples(), [
    `pod_security_errors_total{fatal="false",${pod}} 1`,
    `pod_security_evaluations_total{decision="allow",policy_level="privileged",policy_version="latest",mode="enforce",${pod}} 1`,
    `pod_security_exemptions_total{request_operation="create",resource="controller",subresource=""} 1`,
    `pod_security_exemptions_total{${pod}} 1`,
  ])
})
