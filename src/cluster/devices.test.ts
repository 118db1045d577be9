import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../api/generated/core.v1.ts'
import {
  deviceClasses,
  nodes,
  pods,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
} from '../api/generated/resources.ts'
import { startCluster, type TestCluster } from './testing.ts'

const driver = 'gpu.example.com'

async function eventually<T>(read: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> {
  const endMs = performance.now() + 20_000
  for (;;) {
    const value = await read()
    if (isThere(value)) return value
    if (performance.now() > endMs) assert.fail(`it did not come to be: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function aUser(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name },
    spec: {
      containers: [{ name: 'app', image: 'app', resources: { claims: [{ name: 'gpu' }] } }],
      resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'one-gpu' }],
    },
  }
}

async function offer({ client }: TestCluster, devices: readonly string[]): Promise<void> {
  const [node] = await eventually(
    async () => (await client.list(nodes)).items,
    ([only]) => only !== undefined && !only.spec?.taints?.length,
  )
  const nodeName = node!.metadata!.name!
  await client.create(deviceClasses, {
    metadata: { name: 'gpu' },
    spec: { selectors: [{ cel: { expression: `device.driver == "${driver}"` } }] },
  })
  await client.create(resourceClaimTemplates, {
    metadata: { namespace: 'default', name: 'one-gpu' },
    spec: {
      spec: {
        devices: {
          requests: [
            {
              name: 'gpu',
              exactly: {
                deviceClassName: 'gpu',
                selectors: [
                  {
                    cel: {
                      expression: `device.attributes["${driver}"].generation.isGreaterThan(semver("2.0.0"))`,
                    },
                  },
                ],
              },
            },
          ],
        },
      },
    },
  })
  await client.create(resourceSlices, {
    metadata: { name: 'gpus' },
    spec: {
      driver,
      nodeName,
      pool: { name: nodeName, generation: 1, resourceSliceCount: 1 },
      devices: devices.map((name) => ({ name, attributes: { generation: { version: '2.1.0' } } })),
    },
  })
}

describe('devices', () => {
  it('are claimed by template, given to one pod after the other, and given back', async () => {
    await using cluster = await startCluster({ nodes: 1 })
    const { client } = cluster
    await offer(cluster, ['gpu-0'])
    const claims = async () => (await client.list(resourceClaims)).items
    const pod = (name: string) => client.get(pods, { namespace: 'default', name })
    const message = ({ status }: Pod) =>
      status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message ?? ''

    await client.create(pods, aUser('first'))
    await eventually(
      () => pod('first'),
      ({ spec }) => spec?.nodeName !== undefined,
    )
    const [claim] = await claims()
    assert.deepEqual(
      claim!.status!.allocation!.devices!.results!.map(({ request, device }) => [request, device]),
      [['gpu', 'gpu-0']],
    )
    assert.deepEqual(claim!.metadata!.finalizers, ['resource.kubernetes.io/delete-protection'])

    await client.create(pods, aUser('second'))
    const waiting = await eventually(
      () => pod('second'),
      (now) => message(now) !== '',
    )
    assert.match(
      message(waiting),
      /^0\/1 nodes are available: 1 cannot allocate all claims\. still not schedulable, /,
    )
    await client.delete(pods, { namespace: 'default', name: 'first' }, { gracePeriodSeconds: 0 })
    await eventually(
      () => pod('second'),
      ({ spec }) => spec?.nodeName !== undefined,
    )
    await eventually(claims, (left) => left.length === 1)
  })
})
