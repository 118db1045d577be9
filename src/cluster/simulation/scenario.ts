import {
  configMaps,
  cronJobs,
  daemonSets,
  deployments,
  jobs,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  services,
  statefulSets,
} from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { seededRandom, type Random } from '../../machinery/random.ts'
import type { Resource } from '../../machinery/resource.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../machinery/status-errors.ts'
import { budgetsKnownMs, watchBudgets } from './budgets.ts'
import { differences, writesWithin } from './convergence.ts'
import { Simulation } from './simulation.ts'
import {
  aClaim,
  aCronJob,
  aDaemonSet,
  aDeployment,
  aJob,
  aService,
  aStatefulSet,
  aVolume,
  namespace,
  pick,
  someReplicas,
} from './workloads.ts'

export interface ScenarioResult {
  /** What was done and what went wrong, in order, with the simulated second. */
  readonly story: readonly string[]
  /** What is not as it must be; empty when all is well. */
  readonly faults: readonly string[]
}

const nodeCount = 3
const steps = 25
const longestStepMs = 20_000
/** So long may the cluster take to reach the declared state once nothing goes wrong any more. */
const convergesWithinMs = 20 * 60_000
const quietForMs = 5 * 60_000

/**
 * Workloads that people change and delete while everything around them fails; then the faults stop. The cluster must
 * come to what was declared, without ever having had more pods than it may, and then be quiet. Every other scenario spares
 * the nodes and the pods: there nothing excuses fewer available pods than a budget allows. Neither does anything in the
 * rollout that every third scenario ends with, when nothing fails any more.
 */
export async function runScenario(seed: number): Promise<ScenarioResult> {
  const random = seededRandom(seed)
  const simulation = await Simulation.start({ seed, nodes: nodeCount, sparesNodes: seed % 2 === 0 })
  const story: string[] = []
  const faults: string[] = []
  const tell = (what: string) => story.push(`${Math.round(simulation.clock.monotonic() / 1000)} s: ${what}`)
  try {
    await createWorkloads(simulation.client, random)
    let isCalm = false
    const watching = watchBudgets(
      simulation,
      () => isCalm || simulation.sparesNodes,
      (fault) => {
        tell(fault)
        faults.push(fault)
      },
    )
    simulation.faults(true)
    for (let step = 0; step < steps; step++) {
      tell(await act(simulation, random))
      await simulation.advance(random.next() * longestStepMs)
    }
    simulation.faults(false)
    tell('the faults stop')
    await change(simulation.client, cronJobs, 'tick', { suspend: true }, '')
    await removeNamespace(simulation.client)
    for (const { metadata } of (await simulation.client.list(nodes)).items)
      await uncordon(simulation.client, metadata?.name ?? '')
    faults.push(...(await converge(simulation)))
    await simulation.advance(budgetsKnownMs)
    isCalm = true
    for (const name of ['web', 'api']) tell(await rollOut(simulation.client, deployments, name, 'app:calm'))
    faults.push(...(await converge(simulation)))
    // What was just reached is still being written down: conditions, revisions, events.
    await simulation.advance(60_000)
    faults.push(...(await writesWithin(simulation, quietForMs)))
    watching.abort()
  } finally {
    await simulation.stop()
  }
  return { story, faults }
}

/** Lets time pass until the cluster is as declared; answers with what is not after the longest time that may take. */
async function converge(simulation: Simulation): Promise<readonly string[]> {
  const { client } = simulation
  for (let waitedMs = 0; waitedMs < convergesWithinMs; waitedMs += 30_000) {
    await simulation.advance(30_000)
    if (simulation.isWhole && (await differences(client, nodeCount)).length === 0) return []
  }
  return differences(client, nodeCount)
}

async function createWorkloads(client: Client, random: Random): Promise<void> {
  await client.create(deployments, aDeployment(random, 'web'))
  await client.create(deployments, aDeployment(random, 'api'))
  await client.create(statefulSets, aStatefulSet(random, 'db'))
  await client.create(daemonSets, aDaemonSet('agent'))
  await client.create(jobs, aJob(random, 'batch'))
  await client.create(services, aService('web'))
  await client.create(cronJobs, aCronJob(random, 'tick'))
  for (const name of ['disk1', 'disk2', 'disk3', 'disk4'])
    await client.create(persistentVolumes, aVolume(name))
}

/** One thing that somebody does, or that befalls a component. */
async function act(simulation: Simulation, random: Random): Promise<string> {
  const { client } = simulation
  const scale = (resource: Resource, name: string) => {
    const replicas = someReplicas(random)
    return change(client, resource, name, { replicas }, `scale ${name} to ${replicas}`)
  }
  const update = (resource: Resource, name: string) =>
    rollOut(client, resource, name, `app:${1 + Math.floor(random.next() * 5)}`)
  const deployment = pick(random, ['web', 'api'])
  const actions: readonly (() => Promise<string>)[] = [
    () => scale(deployments, deployment),
    () => update(deployments, deployment),
    () => scale(statefulSets, 'db'),
    () => update(statefulSets, 'db'),
    () => update(daemonSets, 'agent'),
    ...(simulation.sparesNodes ? [] : [() => deletePod(client, random), () => cordon(client, random)]),
    () => toggleNamespace(client, random),
    () => toggleClaim(client, pick(random, ['data1', 'data2'])),
    () => Promise.resolve(`crash ${simulation.crashOne()}`),
    () => Promise.resolve(`crash ${simulation.crashOne()}`),
    () => Promise.resolve(`crash ${simulation.crashOne()}`),
  ]
  return pick(random, actions)()
}

function rollOut(client: Client, resource: Resource, name: string, image: string): Promise<string> {
  const spec = { template: { spec: { containers: [{ name: 'main', image }] } } }
  return change(client, resource, name, spec, `roll ${name} out as ${image}`)
}

async function change(
  client: Client,
  resource: Resource,
  name: string,
  spec: object,
  what: string,
): Promise<string> {
  await client.patch(resource, { namespace, name }, { type: 'strategic', body: { spec } })
  return what
}

/** A namespace that comes and goes with all that is in it. */
const passing = 'passing'

async function toggleNamespace(client: Client, random: Random): Promise<string> {
  if (await removeNamespace(client)) return `delete namespace ${passing}`
  try {
    await client.create(namespaces, { metadata: { name: passing } })
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    return `namespace ${passing} is still being deleted`
  }
  await client.create(deployments, aDeployment(random, 'guest', passing))
  await client.create(configMaps, { metadata: { namespace: passing, name: 'settings' } })
  return `create namespace ${passing}`
}

/** Whether there was one to delete. */
async function removeNamespace(client: Client): Promise<boolean> {
  const { items } = await client.list(namespaces)
  const found = items.find(({ metadata }) => metadata?.name === passing)
  if (!found || found.metadata?.deletionTimestamp) return false
  await client.delete(namespaces, { name: passing })
  return true
}

async function toggleClaim(client: Client, name: string): Promise<string> {
  try {
    await client.create(persistentVolumeClaims, aClaim(name))
    return `claim ${name}`
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  try {
    await client.delete(persistentVolumeClaims, { namespace, name })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  return `give up ${name}`
}

async function deletePod(client: Client, random: Random): Promise<string> {
  const { items } = await client.list(pods, { namespace })
  if (items.length === 0) return 'there is no pod to delete'
  const name = pick(random, items).metadata?.name ?? ''
  try {
    await client.delete(pods, { namespace, name })
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error
  }
  return `delete ${name}`
}

async function cordon(client: Client, random: Random): Promise<string> {
  const name = `node${1 + Math.floor(random.next() * nodeCount)}`
  const unschedulable = random.next() < 0.3
  try {
    await client.patch(nodes, { name }, { type: 'merge', body: { spec: { unschedulable } } })
  } catch (error) {
    if (!isNotFound(error)) throw error
    return `${name} is not there yet`
  }
  return `${unschedulable ? 'cordon' : 'uncordon'} ${name}`
}

async function uncordon(client: Client, name: string): Promise<void> {
  await client.patch(nodes, { name }, { type: 'merge', body: { spec: { unschedulable: null } } })
}
