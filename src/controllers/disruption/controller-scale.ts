import type { Pod } from '../../api/generated/core.v1.ts'
import type { Scale } from '../../api/generated/autoscaling.v1.ts'
import {
  deployments,
  replicaSets,
  replicationControllers,
  statefulSets,
} from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { discover } from '../../client/discovery.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { resourcesBeside } from '../../client/served-version.ts'
import type { KubernetesObject, OwnerReference } from '../../machinery/meta.ts'
import { controllerOf } from '../../machinery/owner.ts'
import { apiVersionOf, groupResource, type Resource } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { refersTo } from '../ownership/controller-key.ts'

export interface ExpectedScale {
  /** How many pods the controllers of the pods want, each controller counted once. */
  readonly total: number
  /** Pods without a controller: nobody wants a number of them. */
  readonly unmanaged: readonly Pod[]
}

type Scaled = KubernetesObject & { readonly spec?: { readonly replicas?: number } }
const known: readonly Resource<Scaled>[] = [replicationControllers, statefulSets, replicaSets]

/** The size of a controller cannot be known, and asking again would not help. */
export class UnknownScaleError extends Error {}

/** Sums spec.replicas over the pods' controllers. Throws an UnknownScaleError when a controller has no scale. */
export async function expectedScale(pods: readonly Pod[], context: ReconcileContext): Promise<ExpectedScale> {
  const scales = new Map<string, number>()
  const counted = new Map<string, string>()
  const unmanaged: Pod[] = []
  for (const pod of pods) {
    const reference = controllerOf(pod)
    if (!reference) {
      unmanaged.push(pod)
      continue
    }
    if (counted.has(reference.uid)) continue
    const scale = await scaleOf(reference, pod.metadata?.namespace ?? '', context)
    if (!scale) throw new UnknownScaleError(`found no controllers for pod "${pod.metadata?.name}"`)
    counted.set(reference.uid, scale.uid)
    scales.set(scale.uid, scale.replicas)
  }
  return { total: [...scales.values()].reduce((sum, replicas) => sum + replicas, 0), unmanaged }
}

interface ControllerScale {
  readonly uid: string
  readonly replicas: number
}

async function scaleOf(
  reference: OwnerReference,
  namespace: string,
  context: ReconcileContext,
): Promise<ControllerScale | undefined> {
  return cachedScale(reference, namespace, context) ?? scaleOfOther(reference, namespace, context)
}

/** A set of a deployment counts as the deployment. */
function cachedScale(
  reference: OwnerReference,
  namespace: string,
  { cache }: ReconcileContext,
): ControllerScale | undefined {
  const resource = known.find((candidate) => refersTo(reference, candidate))
  const controller = resource && cache(resource).get(`${namespace}/${reference.name}`)
  if (!controller || controller.metadata?.uid !== reference.uid) return undefined
  const owner = controllerOf(controller)
  if (!owner || !refersTo(owner, deployments))
    return { uid: reference.uid, replicas: controller.spec?.replicas ?? 1 }
  const deployment = cache(deployments).get(`${namespace}/${owner.name}`)
  if (deployment?.metadata?.uid !== owner.uid) return undefined
  return { uid: owner.uid, replicas: deployment.spec?.replicas ?? 1 }
}

/** Custom controllers say their size in the `scale` subresource. */
async function scaleOfOther(
  { apiVersion, kind, name, uid }: OwnerReference,
  namespace: string,
  { client }: ReconcileContext,
): Promise<ControllerScale | undefined> {
  const { resources } = await discover(client)
  const found = resources.find(
    ({ resource }) => resource.kind === kind && apiVersionOf(resource) === apiVersion,
  )
  if (!found) throw new UnknownScaleError(`no matches for kind "${kind}" in version "${apiVersion}"`)
  const { resource } = found
  try {
    const scale = await client.getSubresource<Scale>(resource, { namespace, name }, 'scale')
    return scale.metadata?.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined
  } catch (error) {
    if (!isNotFound(error)) throw error
    if (await servesScale(resource, client)) return undefined
    throw new UnknownScaleError(`${groupResource(resource)} does not implement the scale subresource`)
  }
}

/** Tells a controller that is not there from one without a scale: both are not found. */
async function servesScale(resource: Resource, client: Client): Promise<boolean> {
  const served = await resourcesBeside(client, resource)
  return served.some(({ name }) => name === `${resource.resource}/scale`)
}
