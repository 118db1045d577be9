import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Deployment } from '../../src/api/generated/apps.v1.ts'
import { configMaps, deployments, namespaces, pods } from '../../src/api/generated/resources.ts'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import { isForbidden, isNotFound } from '../../src/machinery/status-errors.ts'
import { createKubectl, kubectlPrograms } from './harness/kubectl.ts'
import { until } from './harness/until.ts'

function aDeployment(namespace: string, replicas: number): Deployment {
  const labels = { app: 'web' }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: 'web' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  }
}

async function available({ client }: TestCluster, namespace: string): Promise<number> {
  const { status } = await client.get(deployments, { namespace, name: 'web' })
  return status?.availableReplicas ?? 0
}

describe('startCluster', () => {
  it('runs every controller: a namespace with a workload comes up, and goes with all that is in it', async () => {
    await using cluster = await startCluster({ nodes: 2 })
    const { client } = cluster
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } })
    await client.create(deployments, aDeployment('shop', 3))
    await until('three replicas', async () => (await available(cluster, 'shop')) === 3)

    await client.delete(namespaces, { name: 'shop' })
    await until('the namespace is gone', async () => {
      return client.get(namespaces, { name: 'shop' }).then(() => false, isNotFound)
    })
    assert.deepEqual((await client.list(pods, { namespace: 'shop' })).items, [])
  })

  it('collects what an owner leaves behind', async () => {
    await using cluster = await startCluster({ nodes: 1 })
    await cluster.client.create(deployments, aDeployment('default', 2))
    await until('two replicas', async () => (await available(cluster, 'default')) === 2)
    await cluster.client.delete(deployments, { namespace: 'default', name: 'web' })
    await until('no pods', async () => (await cluster.client.list(pods)).items.length === 0)
  })

  it('gives others what RBAC gives them', async () => {
    await using cluster = await startCluster()
    await assert.rejects(cluster.clientAs('jane').list(pods), isForbidden)
  })

  for (const [release, program] of Object.entries(kubectlPrograms())) {
    it(`is spoken to by the ${release} kubectl with its kubeconfig`, async () => {
      await using cluster = await startCluster({ nodes: 1 })
      const folder = mkdtempSync(join(tmpdir(), 'k8ts-kubeconfig-'))
      try {
        const file = join(folder, 'kubeconfig')
        writeFileSync(file, cluster.kubeconfig)
        const kubectl = createKubectl(release as 'old' | 'new', program, file)
        assert.equal(await kubectl(['get', 'nodes', '-o', 'name']), 'node/node1\n')
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  }

  it('keeps clusters apart that run side by side', async () => {
    const clusters = await Promise.all(Array.from({ length: 8 }, () => startCluster({ nodes: 1 })))
    try {
      await Promise.all(
        clusters.map(async ({ client }, index) => {
          const metadata = { namespace: 'default', name: `mine-${index}` }
          await client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata })
          await client.create(deployments, aDeployment('default', 2))
        }),
      )
      for (const [index, cluster] of clusters.entries()) {
        await until('two replicas', async () => (await available(cluster, 'default')) === 2)
        const { items } = await cluster.client.list(configMaps, { namespace: 'default' })
        const own = items.map(({ metadata }) => metadata?.name).filter((name) => name?.startsWith('mine-'))
        assert.deepEqual(own, [`mine-${index}`])
      }
    } finally {
      await Promise.all(clusters.map((cluster) => cluster.stop()))
    }
  })

  it('leaves nothing behind: fifty starts and stops grow neither memory, handles nor files', async () => {
    const cycle = async () => {
      await using cluster = await startCluster({ nodes: 1 })
      await cluster.client.list(pods)
    }
    // Caches of the runtime itself fill during the first ones.
    for (let count = 0; count < 15; count++) await cycle()
    const before = await footprint()
    for (let count = 0; count < 35; count++) await cycle()
    const after = await footprint()
    assert.ok(after.files <= before.files, `files: ${before.files}, then ${after.files}`)
    assert.ok(after.handles <= before.handles, `handles: ${before.handles}, then ${after.handles}`)
    const grownMiB = (after.heapBytes - before.heapBytes) / 2 ** 20
    assert.ok(grownMiB < 3, `heap grew by ${grownMiB.toFixed(1)} MiB`)
  })
})

interface Footprint {
  readonly heapBytes: number
  readonly handles: number
  readonly files: number
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

async function footprint(): Promise<Footprint> {
  // Finalizers of one collection free what the next one takes.
  for (let round = 0; round < 3; round++) {
    collectGarbage()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    heapBytes: process.memoryUsage().heapUsed,
    handles: process.getActiveResourcesInfo().length,
    files: readdirSync('/proc/self/fd').length,
  }
}
