import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configMaps, deployments, replicaSets } from '../api/generated/resources.ts'
import { isNotFound } from '../machinery/status-errors.ts'
import { startCluster } from './testing.ts'

async function eventually<T>(get: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await get()
    if (found !== undefined) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
}

describe('startControlPlane', () => {
  it("has controllers manage fields as upstream's program", async () => {
    await using cluster = await startCluster()
    const { client } = cluster
    const target = { namespace: 'default', name: 'web' }
    await client.create(deployments, {
      metadata: target,
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'web' }] },
        },
      },
    })
    const replicaSet = await eventually(async () => (await client.list(replicaSets)).items[0])
    assert.equal(replicaSet.metadata?.managedFields?.[0]?.manager, 'kube-controller-manager')
    const rootCa = await eventually(() =>
      client
        .get(configMaps, { namespace: 'default', name: 'kube-root-ca.crt' })
        .catch((error: unknown) => (isNotFound(error) ? undefined : Promise.reject(error as Error))),
    )
    assert.equal(rootCa.metadata?.managedFields?.[0]?.manager, 'kube-controller-manager')
  })
})
