import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, it } from 'node:test'
import { deployments, endpointSlices, namespaces, pods, services } from '../api/generated/resources.ts'
import type { Deployment } from '../api/generated/apps.v1.ts'
import { isForbidden } from '../machinery/status-errors.ts'
import { machineAddress } from './components/machine-address.ts'
import { startCluster, type TestCluster } from './testing.ts'

function aDeployment(replicas: number): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'web' }] },
      },
    },
  }
}

/** Resolves when so many pods of the cluster are Running. */
async function untilRunning(cluster: TestCluster, count: number): Promise<void> {
  const running = new Set<string>()
  const watch = new AbortController()
  const options = {
    namespace: 'default',
    sendInitialEvents: true,
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: true,
  } as const
  for await (const { object } of cluster.client.watch(pods, { ...options, signal: watch.signal })) {
    if (object.status?.phase === 'Running') running.add(object.metadata?.uid ?? '')
    if (running.size >= count) return watch.abort()
  }
}

/** Resolves when the Service web has so many endpoints. */
async function untilEndpoints(cluster: TestCluster, count: number): Promise<void> {
  const watch = new AbortController()
  const options = { namespace: 'default', labelSelector: 'kubernetes.io/service-name=web' }
  for await (const { object } of cluster.client.watch(endpointSlices, { ...options, signal: watch.signal })) {
    if (object.endpoints?.length === count) return watch.abort()
  }
}

describe('startCluster', () => {
  it('runs every part of a cluster', async () => {
    await using cluster = await startCluster({ nodes: 2 })
    await cluster.client.create(deployments, aDeployment(3))
    await untilRunning(cluster, 3)
  })

  const isAlone = machineAddress().startsWith('127.')
  it('gives services the pods in the network of nodes', { skip: isAlone }, async () => {
    await using cluster = await startCluster({ nodes: 2 })
    const { spec, ...rest } = aDeployment(2)
    const { template } = spec!
    const inNodes = { ...template, spec: { ...template.spec!, hostNetwork: true } }
    await cluster.client.create(deployments, { ...rest, spec: { ...spec!, template: inNodes } })
    await cluster.client.create(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    })
    await untilEndpoints(cluster, 2)
  })

  it('lets clusters run side by side', async () => {
    const clusters = await Promise.all(Array.from({ length: 8 }, () => startCluster()))
    try {
      for (const [index, { client }] of clusters.entries()) {
        await client.create(namespaces, {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: `own-${index}` },
        })
      }
      for (const [index, { client }] of clusters.entries()) {
        const { items } = await client.list(namespaces)
        const own = items.map(({ metadata }) => metadata?.name).filter((name) => name?.startsWith('own-'))
        assert.deepEqual(own, [`own-${index}`])
      }
      assert.equal(new Set(clusters.map(({ server }) => server)).size, 8)
    } finally {
      await Promise.all(clusters.map((cluster) => cluster.stop()))
    }
  })

  it('lets others do what RBAC says', async () => {
    await using cluster = await startCluster()
    await assert.rejects(cluster.clientAs('jane').list(pods), isForbidden)
    await cluster.clientAs('root', ['system:masters']).list(pods)
  })

  it('leaves nothing behind', { skip: process.platform !== 'linux' }, async () => {
    const startAndStop = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const cluster = await startCluster({ nodes: 1 })
        await cluster.stop()
      }
    }
    const held = () => {
      const counts = new Map([['files', readdirSync('/proc/self/fd').length]])
      for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1)
      return counts
    }
    await startAndStop(3)
    const before = held()
    await startAndStop(10)
    // What others in this process have let go meanwhile is no fault.
    for (const [name, count] of held()) {
      if (name !== 'TTYWrap') assert.ok(count <= (before.get(name) ?? 0), `${name}: ${count}`)
    }
  })
})
