import type { Pod } from '../../api/generated/core.v1.ts'
import type { Scale } from '../../api/generated/autoscaling.v1.ts'
import {
  deployments,
  replicaSets,
  replicationControllers,
  statefulSets,
} from '../../api/generated/resources.ts'
import { discover } from '../../client/discovery.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import type { KubernetesObject, OwnerReference } from '../../machinery/meta.ts'
import { controllerOf } from '../../machinery/owner.ts'
import type { Resource } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { refersTo } from '../ownership/controller-key.ts'
import { messageOf } from '../pods/pod-control.ts'

export interface ExpectedScale {
  /** How many pods the controllers of the pods want, each controller counted once. */
  readonly total: number
  /** Pods without a controller: nobody wants a number of them. */
  readonly unmanaged: readonly Pod[]
}

type Scaled = KubernetesObject & { readonly spec?: { readonly replicas?: number } }
const known: readonly Resource<Scaled>[] = [replicationControllers, statefulSets, replicaSets]

/** Sums spec.replicas over the pods' controllers. Throws when a controller has no scale. */
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
    if (!scale) throw new Error(`found no controllers for pod "${pod.metadata?.name}"`)
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
  const { cache } = context
  const resource = known.find((candidate) => refersTo(reference, candidate))
  if (!resource) return scaleOfOther(reference, namespace, context)
  const key = `${namespace}/${reference.name}`
  const controller = cache(resource).get(key)
  if (!controller || controller.metadata?.uid !== reference.uid) return undefined
  const owner = controllerOf(controller)
  if (owner && refersTo(owner, deployments)) {
    const deployment = cache(deployments).get(`${namespace}/${owner.name}`)
    return deployment?.metadata?.uid === owner.uid
      ? { uid: owner.uid, replicas: deployment.spec?.replicas ?? 1 }
      : undefined
  }
  return { uid: reference.uid, replicas: controller.spec?.replicas ?? 1 }
}

/** Custom controllers say their size in the `scale` subresource. */
async function scaleOfOther(
  { apiVersion, kind, name, uid }: OwnerReference,
  namespace: string,
  { client }: ReconcileContext,
): Promise<ControllerScale | undefined> {
  const { resources } = await discover(client)
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
  const found = resources.find(
    ({ resource }) => resource.kind === kind && resource.group === group && resource.version === version,
  )
  if (!found) return undefined
  try {
    const scale = await client.getSubresource<Scale>(found.resource, { namespace, name }, 'scale')
    return scale.metadata?.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined
  } catch (error) {
    if (!isNotFound(error)) throw error
    throw new Error(
      `${found.resource.resource} does not implement the scale subresource: ${messageOf(error)}`,
      {
        cause: error,
      },
    )
  }
}
