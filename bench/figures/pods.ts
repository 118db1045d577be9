import type { Deployment } from '../../src/api/generated/apps.v1.ts'
import type { Pod } from '../../src/api/generated/core.v1.ts'
import { deployments, pods } from '../../src/api/generated/resources.ts'
import type { Client } from '../../src/client/client.ts'
import { runtimeAlone } from '../container-runtime.ts'
import type { Bench, Detail } from '../figure.ts'
import { follow, type Followed } from '../follow.ts'
import { buildCommand, createCluster } from '../k8ts-cluster.ts'
import { aPod, benchPodSpec, createWhenAllowed, isRunning, namespace } from '../pods.ts'
import { usageOf } from '../usage.ts'
import { median, repeat } from '../timing.ts'
import { ownProcesses } from './start.ts'

const deploymentName = 'bench'

interface Subject {
  readonly bench: Bench
  readonly client: Client
  readonly pods: Followed<Pod>
  /** Processor time of k8ts so far, in milliseconds. */
  readonly cpuMs: () => number
}

/** Real containers on one node, as the API shows them. */
export async function measurePods(bench: Bench): Promise<void> {
  await buildCommand()
  const cluster = await createCluster(bench)
  const up = await cluster.up()
  await up.saidReady
  const client = await up.client()
  const processes = await ownProcesses(cluster)
  const subject = {
    bench,
    client,
    pods: await follow(client, pods, namespace),
    cpuMs: () => usageOf(processes).cpuMs,
  }
  await onePod(subject, 'warm')
  await measureOne(subject)
  await measureMany(subject, 30)
  await measureDeployment(subject)
  await runtimeAlone(bench, cluster)
  subject.pods.stop()
  await up.stop()
}

async function onePod({ client, pods: followed }: Subject, name: string) {
  const pod = aPod(name)
  const start = performance.now()
  await createWhenAllowed(client, pod)
  const [scheduled, running] = await Promise.all([
    followed.until(`${name} scheduled`, (all) => all.get(name)?.spec?.nodeName !== undefined),
    followed.until(`${name} Running`, (all) => isRunning(all.get(name))),
  ])
  const deletion = performance.now()
  await client.delete(pods, { namespace, name })
  const gone = await followed.until(`${name} gone`, (all) => !all.has(name))
  return { scheduled: scheduled - start, running: running - start, gone: gone - deletion }
}

async function measureOne(subject: Subject): Promise<void> {
  const cpu = subject.cpuMs()
  const runs = await repeat(5, (index) => onePod(subject, `one-${index}`))
  const cpuEach = (subject.cpuMs() - cpu) / runs.length
  const running = runs.map((run) => run.running)
  subject.bench.add({
    name: 'one pod: create to Running',
    value: median(running),
    unit: 'ms',
    runs: running,
    bar: { most: 500 },
    kubernetes: 990,
    also: [
      { name: 'to scheduled', value: median(runs.map((run) => run.scheduled)), unit: 'ms', kubernetes: 11 },
      { name: 'delete to gone', value: median(runs.map((run) => run.gone)), unit: 'ms' },
      { name: 'CPU of k8ts for both', value: cpuEach, unit: 'ms' },
    ],
  })
}

async function measureMany({ bench, client, pods: followed, cpuMs }: Subject, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `many-${index}`)
  const cpu = cpuMs()
  const start = performance.now()
  await Promise.all(names.map((name) => client.create(pods, aPod(name))))
  const running = await followed.until('all Running', (all) =>
    names.every((name) => isRunning(all.get(name))),
  )
  const cpuEach: Detail = { name: 'CPU of k8ts for each', value: (cpuMs() - cpu) / count, unit: 'ms' }
  bench.add({
    name: `${count} pods at once: until the last is Running`,
    value: (running - start) / 1000,
    unit: 's',
    bar: { most: 4 },
    kubernetes: 6.3,
    also: [cpuEach],
  })
  const deletion = performance.now()
  await client.deleteCollection(pods, { namespace })
  const gone = await followed.until('all gone', (all) => all.size === 0)
  bench.add({
    name: `${count} pods deleted: until the last is gone`,
    value: (gone - deletion) / 1000,
    unit: 's',
  })
}

async function measureDeployment({ bench, client, pods: followed }: Subject): Promise<void> {
  const watched = await follow(client, deployments, namespace)
  const complete = () => watched.until('rolled out', (all) => isRolledOut(all.get(deploymentName)))
  const start = performance.now()
  await client.create(deployments, aDeployment(10))
  bench.add({
    name: 'Deployment of 10: until available',
    value: ((await complete()) - start) / 1000,
    unit: 's',
    kubernetes: 3.5,
  })
  const updates = await repeat(3, async (index) => {
    const change = performance.now()
    const { metadata } = await client.patch(
      deployments,
      { namespace, name: deploymentName },
      {
        type: 'merge',
        body: { spec: { template: { metadata: { annotations: { update: String(index) } } } } },
      },
    )
    const generation = metadata?.generation ?? 0
    const seen = await watched.until('rolled out', (all) => isRolledOut(all.get(deploymentName), generation))
    return (seen - change) / 1000
  })
  bench.add({
    name: 'rolling update of 10 replicas',
    value: median(updates),
    unit: 's',
    runs: updates,
    kubernetes: 3.9,
  })
  await client.delete(deployments, { namespace, name: deploymentName }, { propagationPolicy: 'Background' })
  await followed.until('all gone', (all) => all.size === 0)
  watched.stop()
}

function aDeployment(replicas: number): Deployment {
  const labels = { app: deploymentName }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: deploymentName },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: benchPodSpec },
    },
  }
}

/** As `kubectl rollout status` sees it. */
function isRolledOut(deployment: Deployment | undefined, generation = 1): boolean {
  const { spec, status } = deployment ?? {}
  const replicas = spec?.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= generation &&
    status?.updatedReplicas === replicas &&
    status.replicas === replicas &&
    status.availableReplicas === replicas
  )
}
