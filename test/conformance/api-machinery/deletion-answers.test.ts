import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  configMaps,
  csiDrivers,
  deployments,
  resourceQuotas,
  serviceAccounts,
  services,
  storageClasses,
} from '../../../src/api/generated/resources.ts'
import type { Resource } from '../../../src/machinery/resource.ts'
import { aDeployment } from '../harness/objects.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'

/** What clients generated from OpenAPI read; another kind than it says makes them fail. */
const rows: readonly (readonly [Resource, object, answer: string])[] = [
  [configMaps, {}, 'Status'],
  [deployments, { spec: aDeployment('', '', 0).spec }, 'Status'],
  [services, { spec: { ports: [{ port: 1 }] } }, 'Service'],
  [serviceAccounts, {}, 'ServiceAccount'],
  [resourceQuotas, {}, 'ResourceQuota'],
  [storageClasses, { provisioner: 'example.com/none' }, 'StorageClass'],
  [csiDrivers, { spec: {} }, 'CSIDriver'],
]

describe('deletions', { concurrency: true }, () => {
  const cluster = sharedCluster()
  for (const [resource, body, answer] of rows) {
    it(`of ${resource.resource} answer with a ${answer}`, async () => {
      const { client, namespace } = await cluster.scope()
      const name = { ...(resource.namespaced && { namespace }), name: `${namespace}-one` }
      await client.create(resource, { metadata: name, ...body })
      assert.equal((await client.delete(resource, name)).kind, answer)
    })
  }
})
