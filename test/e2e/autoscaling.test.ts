import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Deployment } from '../../src/api/generated/apps.v1.ts'
import type { HorizontalPodAutoscaler } from '../../src/api/generated/autoscaling.v2.ts'
import { deployments } from '../../src/api/generated/resources.ts'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import { withoutContainers } from './harness/machine.ts'
import { createKubectl, kubectlPrograms, type Kubectl } from './harness/kubectl.ts'
import { startQueueMetricsServer } from './harness/queue-metrics-server.ts'
import { aCluster, testImage } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'k8ts-autoscaling-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const program = kubectlPrograms().new

function kubectlOf({ kubeconfig }: TestCluster, name: string): Kubectl {
  const file = join(folder, name)
  writeFileSync(file, kubeconfig)
  return createKubectl('new', program!, file)
}

function aDeployment(name: string, annotations: Readonly<Record<string, string>> = {}): object {
  const labels = { app: name }
  const resources = { requests: { cpu: '100m' } }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: { containers: [{ name: 'app', image: 'app:1', resources }] },
      },
    },
  }
}

const behavior = {
  scaleUp: { policies: [{ type: 'Pods', value: 10, periodSeconds: 1 }] },
  scaleDown: {
    stabilizationWindowSeconds: 1,
    policies: [{ type: 'Percent', value: 100, periodSeconds: 1 }],
  },
}

async function replicas({ client }: TestCluster, name: string, wanted: number): Promise<void> {
  await until(
    `${wanted} replicas of ${name}`,
    async () =>
      (await client.get(deployments, { namespace: 'default', name })).status?.availableReplicas === wanted,
    60_000,
  )
}

/** Metrics are looked at every 15 s: what follows them takes a while. */
describe('autoscaling', { skip: program === undefined && 'there is no kubectl' }, () => {
  it('kubectl top shows what nodes and pods use', async () => {
    await using cluster = await startCluster({ nodes: 1 })
    const kubectl = kubectlOf(cluster, 'top')
    const usage = { 'simulated.k8ts.io/cpu-usage': '250m', 'simulated.k8ts.io/memory-usage': '64Mi' }
    await kubectl.apply(aDeployment('web', usage))
    await replicas(cluster, 'web', 1)
    assert.match(await kubectl(['top', 'nodes']), /^node1 +2[67]\dm +\d+% +\d+Mi +\d+%/m)
    assert.match(await kubectl(['top', 'pods', '--containers']), /^web-\S+ +app +2[45]\dm +64Mi/m)
    assert.match(
      await kubectl(['get', 'pods.metrics.k8s.io', '-l', 'app=web']),
      /NAME +CPU +MEMORY +WINDOW\nweb-/,
    )
    await assert.rejects(
      kubectl(['top', 'pod', 'none']),
      /\(NotFound\): podmetrics\.metrics\.k8s\.io "default\/none" not found/,
    )
    await assert.rejects(
      kubectl(['top', 'node', 'none']),
      /\(NotFound\): nodemetrics\.metrics\.k8s\.io "none" not found/,
    )
  })

  it('follows the CPU that pods use, up and down', async () => {
    await using cluster = await startCluster({ nodes: 1 })
    const kubectl = kubectlOf(cluster, 'cpu')
    await kubectl.apply(aDeployment('web', { 'simulated.k8ts.io/cpu-usage': '200m' }))
    await replicas(cluster, 'web', 1)
    await kubectl(['autoscale', 'deployment', 'web', '--min=1', '--max=3', '--cpu=50%'])
    await kubectl(['patch', 'hpa', 'web', '--type=merge', '-p', JSON.stringify({ spec: { behavior } })])
    await replicas(cluster, 'web', 3)
    assert.match(
      await kubectl(['describe', 'hpa', 'web']),
      /SuccessfulRescale .* New size: 3; reason: cpu resource utilization \(percentage of request\) above target/,
    )
    await kubectl(['annotate', 'pods', '-l', 'app=web', '--overwrite', 'simulated.k8ts.io/cpu-usage=1m'])
    await replicas(cluster, 'web', 1)
    assert.match(await kubectl(['describe', 'hpa', 'web']), /New size: 1; reason: All metrics below target/)
  })

  it('follows the length of a queue that another server tells', async () => {
    await using queue = await startQueueMetricsServer()
    await using cluster = await startCluster({ nodes: 1 })
    const kubectl = kubectlOf(cluster, 'queue')
    queue.length = 30
    const target = { type: 'AverageValue', averageValue: '10' }
    const selector = { matchLabels: { queue: 'orders' } }
    const autoscaler = {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'worker', namespace: 'default' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'worker' },
        minReplicas: 1,
        maxReplicas: 5,
        behavior,
        metrics: [{ type: 'External', external: { metric: { name: 'queue_length', selector }, target } }],
      },
    }
    await kubectl.apply(...queue.objects, aDeployment('worker'))
    await kubectl(['wait', '--for=condition=Available', 'apiservice/v1beta1.external.metrics.k8s.io'])
    await replicas(cluster, 'worker', 1)
    await kubectl.apply(autoscaler)
    await replicas(cluster, 'worker', 3)
    const { status } = await kubectl.json<HorizontalPodAutoscaler>(['get', 'hpa', 'worker'])
    assert.equal(status?.currentMetrics?.[0]?.external?.metric.name, 'queue_length')
    assert.ok(queue.queries.includes('?labelSelector=queue%3Dorders'), queue.queries.join(' '))
    queue.length = 0
    await replicas(cluster, 'worker', 1)
    assert.match(await kubectl(['describe', 'hpa', 'worker']), /ScalingActive +True +ValidMetricFound/)
  })
})

/** Works until it is told to stop; its limit keeps the machine usable. */
const loadedPod = {
  containers: [
    {
      name: 'app',
      image: testImage,
      command: ['sh', '-c', 'trap exit TERM; while [ ! -e /tmp/idle ]; do :; done; sleep 10000 & wait'],
      resources: { requests: { cpu: '50m' }, limits: { cpu: '100m' } },
    },
  ],
}

describe('autoscaling of containers', { skip: withoutContainers }, () => {
  it('adds pods under load, and takes them away after it', { timeout: 240_000 }, async () => {
    const cluster = aCluster('autoscaling')
    const { kubectl } = cluster
    const labels = { app: 'load' }
    const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: loadedPod } }
    const scaled = (count: number) =>
      until(
        `${count} replicas`,
        async () => {
          const { status } = await kubectl.json<Deployment>(['get', 'deployment', 'load'])
          return status?.availableReplicas === count
        },
        90_000,
      )
    try {
      await cluster.up()
      await cluster.loadTestImage()
      await kubectl.apply({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'load' }, spec })
      await scaled(1)
      await kubectl(['autoscale', 'deployment', 'load', '--min=1', '--max=2', '--cpu=50%'])
      await kubectl(['patch', 'hpa', 'load', '--type=merge', '-p', JSON.stringify({ spec: { behavior } })])
      await scaled(2)
      assert.match(await kubectl(['top', 'pods', '-l', 'app=load']), /^load-\S+ +\d+m +\d+Mi/m)
      for (const pod of (await kubectl(['get', 'pods', '-l', 'app=load', '-o', 'name'])).trim().split('\n'))
        await kubectl(['exec', pod, '--', 'touch', '/tmp/idle'])
      await scaled(1)
    } finally {
      await cluster.delete()
    }
  })
})
