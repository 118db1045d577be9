import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PodTemplateSpec } from '../../src/api/generated/core.v1.ts'
import {
  clusterRoles,
  configMaps,
  cronJobs,
  daemonSets,
  deployments,
  endpoints,
  endpointSlices,
  jobs,
  namespaces,
  nodes,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  replicationControllers,
  resourceQuotas,
  services,
  statefulSets,
} from '../../src/api/generated/resources.ts'
import { startCluster } from '../../src/cluster/testing.ts'
import type { LogFields, Logger } from '../../src/machinery/log.ts'
import { isForbidden, isNotFound } from '../../src/machinery/status-errors.ts'
import { until } from './harness/until.ts'

/** A log that keeps what somebody lacked the right to do. */
function refusalLog(): { readonly log: Logger; readonly refusals: readonly string[] } {
  const refusals: string[] = []
  const note = (message: string, fields: LogFields = {}) => {
    for (const value of Object.values(fields)) {
      const lacksRight = isForbidden(value) && / cannot /.test((value as Error).message)
      if (lacksRight) refusals.push(`${message}: ${(value as Error).message}`)
    }
  }
  const log: Logger = { debug: note, info: note, warn: note, error: note, with: () => log }
  return { log, refusals }
}

const namespace = 'shop'
const metadata = (name: string) => ({ namespace, name, labels: { app: name } })
const template = (name: string, restartPolicy: 'Always' | 'OnFailure' = 'Always'): PodTemplateSpec => ({
  metadata: { labels: { app: name } },
  spec: { restartPolicy, containers: [{ name: 'main', image: 'main:1' }] },
})
const workload = (name: string) => ({
  selector: { matchLabels: { app: name } },
  template: template(name),
})

describe('RBAC', () => {
  it('gives every controller what its work needs', async () => {
    const { log, refusals } = refusalLog()
    await using cluster = await startCluster({ nodes: 2, log })
    const { client } = cluster
    await client.create(namespaces, { metadata: { name: namespace } })
    const created = [
      client.create(deployments, { metadata: metadata('web'), spec: { replicas: 2, ...workload('web') } }),
      client.create(daemonSets, { metadata: metadata('agent'), spec: workload('agent') }),
      client.create(statefulSets, {
        metadata: metadata('db'),
        spec: {
          replicas: 1,
          serviceName: 'db',
          ...workload('db'),
          persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
            },
          ],
        },
      }),
      client.create(replicationControllers, {
        metadata: metadata('old'),
        spec: { replicas: 1, selector: { app: 'old' }, template: template('old') },
      }),
      client.create(cronJobs, {
        metadata: metadata('clock'),
        spec: {
          schedule: '* * * * *',
          jobTemplate: { spec: { template: template('clock', 'OnFailure') } },
        },
      }),
      client.create(jobs, {
        metadata: metadata('once'),
        spec: { template: template('once', 'OnFailure'), ttlSecondsAfterFinished: 1 },
      }),
      client.create(podDisruptionBudgets, {
        metadata: metadata('web'),
        spec: { minAvailable: '50%', selector: { matchLabels: { app: 'web' } } },
      }),
      client.create(services, {
        metadata: metadata('web'),
        spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
      }),
      client.create(services, { metadata: metadata('mirrored'), spec: { ports: [{ port: 80 }] } }),
      client.create(endpoints, {
        metadata: metadata('mirrored'),
        subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }],
      }),
      client.create(resourceQuotas, {
        metadata: metadata('all'),
        spec: { hard: { pods: '100', 'count/configmaps': '100', 'count/secrets': '100' } },
      }),
      client.create(persistentVolumes, {
        metadata: { name: 'volume' },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          hostPath: { path: '/tmp/volume' },
          persistentVolumeReclaimPolicy: 'Retain',
        },
      }),
      client.create(clusterRoles, {
        metadata: { name: 'more', labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } },
        rules: [{ apiGroups: ['example.com'], resources: ['things'], verbs: ['get'] }],
      }),
    ]
    await Promise.all(created)

    await until('the deployment is available', async () => {
      const { status } = await client.get(deployments, { namespace, name: 'web' })
      return status?.availableReplicas === 2
    })
    await until('the disruption budget counts', async () => {
      const { status } = await client.get(podDisruptionBudgets, { namespace, name: 'web' })
      return status?.currentHealthy === 2
    })
    await until('endpoints are mirrored', async () => {
      const { items } = await client.list(endpointSlices, { namespace })
      return items.some((slice) => slice.metadata?.name?.startsWith('mirrored-'))
    })
    await until('the role is aggregated', async () => {
      const { rules } = await client.get(clusterRoles, { name: 'view' })
      return rules?.some(({ apiGroups }) => apiGroups?.includes('example.com'))
    })

    // A new template, and owned objects whose owners go in each of the three ways.
    await client.patch(
      deployments,
      { namespace, name: 'web' },
      { type: 'merge', body: { spec: { template: { metadata: { annotations: { round: '2' } } } } } },
    )
    const owner = await client.get(deployments, { namespace, name: 'web' })
    await client.create(configMaps, {
      metadata: {
        ...metadata('owned'),
        ownerReferences: [
          { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: owner.metadata?.uid ?? '' },
        ],
      },
    })
    await client.delete(replicationControllers, { namespace, name: 'old' }, { propagationPolicy: 'Orphan' })
    await client.delete(daemonSets, { namespace, name: 'agent' }, { propagationPolicy: 'Foreground' })
    await client.delete(deployments, { namespace, name: 'web' }, { propagationPolicy: 'Background' })
    const untilGone = (what: string, get: () => Promise<unknown>) =>
      until(`${what} is gone`, () => get().then(() => false, isNotFound))
    await untilGone('the daemon set', () => client.get(daemonSets, { namespace, name: 'agent' }))
    await untilGone('what the deployment owned', () => client.get(configMaps, { namespace, name: 'owned' }))
    await client.create(replicationControllers, {
      metadata: metadata('new'),
      spec: { replicas: 1, selector: { app: 'old' }, template: template('old') },
    })
    await until('the orphan is adopted', async () => {
      const { items } = await client.list(pods, { namespace, labelSelector: 'app=old' })
      return items.some(({ metadata: { ownerReferences = [] } = {} }) => ownerReferences[0]?.name === 'new')
    })

    // Nodes that are tainted, and that go.
    await client.patch(
      nodes,
      { name: 'node1' },
      { type: 'merge', body: { spec: { taints: [{ key: 'away', effect: 'NoExecute' }] } } },
    )
    await until('node1 is empty', async () => {
      const { items } = await client.list(pods, { fieldSelector: 'spec.nodeName=node1' })
      return items.length === 0
    })
    await client.delete(persistentVolumes, { name: 'volume' })
    await untilGone('the volume', () => client.get(persistentVolumes, { name: 'volume' }))
    await client.delete(namespaces, { name: namespace })
    await untilGone('the namespace', () => client.get(namespaces, { name: namespace }))
    assert.deepEqual([...new Set(refusals)], [])
  })
})
