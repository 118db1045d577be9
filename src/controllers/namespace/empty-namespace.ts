import type { Pod } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { discover, preferred, type DiscoveredResource } from '../../client/discovery.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { groupResource } from '../../machinery/resource.ts'
import { isMethodNotSupported, isNotFound } from '../../machinery/status-errors.ts'
import { parseTime } from '../../machinery/time.ts'
import { messageOf } from '../pods/pod-control.ts'
import { isTerminal } from '../pods/pod-state.ts'
import type { EmptyingReport, Remaining } from './namespace-conditions.ts'

export interface Emptying {
  readonly report: EmptyingReport
  /** Nothing is left, and nothing is unknown. */
  readonly isEmpty: boolean
  /** When it is worth looking again, milliseconds from now. */
  readonly againInMs: number
}

/** What has finalizers is looked at again after this long. */
const finalizerEstimateSeconds = 15

/**
 * Deletes everything in a namespace that is being deleted: pods first, so that nothing they rely on goes before them
 * (policies that confine them, for example), then every other resource that the API server serves.
 */
export async function emptyNamespace(client: Client, namespace: string, nowMs: number): Promise<Emptying> {
  const discovery = await discover(client)
  const discoveryFailures = discovery.failures.map(
    ({ groupVersion, message }) => `${groupVersion}: ${message}`,
  )
  const deletable = preferred(discovery.resources).filter(
    ({ resource, verbs }) => resource.namespaced && verbs.includes('delete') && verbs.includes('list'),
  )
  const isPods = ({ resource }: DiscoveredResource) => groupResource(resource) === groupResource(pods)
  const deletionFailures: string[] = []
  const remaining: Remaining[] = []
  let estimateSeconds = 0

  async function empty(resource: DiscoveredResource): Promise<void> {
    try {
      const left = isPods(resource)
        ? await deletePods(resource, client, namespace, nowMs)
        : await deleteAll(resource, client, namespace)
      if (left.remaining.count > 0) remaining.push(left.remaining)
      estimateSeconds = Math.max(estimateSeconds, left.estimateSeconds)
      if (left.remaining.count > 0 && left.estimateSeconds === 0)
        deletionFailures.push(
          `unexpected items still remain in namespace: ${namespace} for gvr: ${describeVersioned(resource)}`,
        )
    } catch (error) {
      deletionFailures.push(messageOf(error))
    }
  }

  await Promise.all(deletable.filter(isPods).map(empty))
  if (remaining.length === 0 && deletionFailures.length === 0)
    await Promise.all(deletable.filter((resource) => !isPods(resource)).map(empty))

  const isEmpty = [discoveryFailures, deletionFailures, remaining].every((found) => found.length === 0)
  const againInMs = (Math.floor(estimateSeconds / 2) + 1) * 1000
  return { report: { discoveryFailures, deletionFailures, remaining }, isEmpty, againInMs }
}

/** `apps/v1, Resource=deployments`. */
function describeVersioned({ resource: { group, version, resource } }: DiscoveredResource): string {
  return `${group}/${version}, Resource=${resource}`
}

interface Left {
  readonly remaining: Remaining
  readonly estimateSeconds: number
}

async function deletePods(
  discovered: DiscoveredResource,
  client: Client,
  namespace: string,
  nowMs: number,
): Promise<Left> {
  const { items } = await client.list(pods, { namespace })
  const estimateSeconds = graceLeftSeconds(items, nowMs)
  const left = await deleteAll(discovered, client, namespace)
  return left.remaining.count === 0
    ? left
    : { ...left, estimateSeconds: Math.max(estimateSeconds, left.estimateSeconds) }
}

/** How long the slowest of the pods may still take to stop. */
function graceLeftSeconds(items: readonly Pod[], nowMs: number): number {
  let longest = 0
  for (const pod of items) {
    if (isTerminal(pod)) continue
    const grace = pod.spec?.terminationGracePeriodSeconds ?? 0
    const endsMs = parseTime(pod.metadata?.deletionTimestamp)
    const left = endsMs === undefined ? grace : Math.max(0, (endsMs - nowMs) / 1000)
    longest = Math.max(longest, left)
  }
  return longest
}

async function deleteAll(
  { resource, verbs }: DiscoveredResource,
  client: Client,
  namespace: string,
): Promise<Left> {
  if (!verbs.includes('deletecollection') || !(await deleteCollection())) await deleteEach()
  const { items } = await client.list(resource, { namespace, metadataOnly: true })
  const finalizers = countFinalizers(items)
  return {
    remaining: { resource, count: items.length, finalizers },
    estimateSeconds: finalizers.size > 0 ? finalizerEstimateSeconds : 0,
  }

  async function deleteCollection(): Promise<boolean> {
    try {
      await client.deleteCollection(resource, { namespace, propagationPolicy: 'Background' })
      return true
    } catch (error) {
      if (isMethodNotSupported(error) || isNotFound(error)) return false
      throw error
    }
  }

  async function deleteEach(): Promise<void> {
    const list = await client.list(resource, { namespace, metadataOnly: true })
    for (const { metadata } of list.items) {
      try {
        await client.delete(
          resource,
          { namespace, name: metadata?.name ?? '' },
          { propagationPolicy: 'Background' },
        )
      } catch (error) {
        if (!isNotFound(error) && !isMethodNotSupported(error)) throw error
      }
    }
  }
}

function countFinalizers(items: readonly KubernetesObject[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { metadata } of items)
    for (const name of metadata?.finalizers ?? []) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}
