import type { Scale } from '../../api/generated/autoscaling.v1.ts'
import type { CrossVersionObjectReference } from '../../api/generated/autoscaling.v2.ts'
import {
  deployments,
  replicaSets,
  replicationControllers,
  statefulSets,
} from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { discover, preferred } from '../../client/discovery.ts'
import { parseApiVersion, type Resource } from '../../machinery/resource.ts'

const known: readonly Resource[] = [deployments, replicaSets, statefulSets, replicationControllers]

/** The resources whose objects are of the kind that is meant; of others than the usual ones discovery tells. */
export async function resourcesOfKind(
  client: Client,
  { apiVersion = '', kind }: CrossVersionObjectReference,
): Promise<readonly Resource[]> {
  const parsed = parseApiVersion(apiVersion)
  if (!parsed) throw new Error(`unexpected GroupVersion string: ${apiVersion}`)
  const isMeant = (resource: Resource) => resource.group === parsed.group && resource.kind === kind
  const usual = known.filter(isMeant)
  if (usual.length > 0) return usual
  const { resources } = await discover(client)
  const found = preferred(resources.filter(({ resource }) => isMeant(resource)))
  if (found.length === 0) throw new Error(`no matches for kind "${kind}" in group "${parsed.group}"`)
  return found.map(({ resource }) => resource)
}

export interface ScaleTarget {
  readonly resource: Resource
  readonly scale: Scale
}

/** The first of the resources that has a scale of that name. Throws what the first of them says otherwise. */
export async function getScale(
  client: Client,
  resources: readonly Resource[],
  namespace: string,
  name: string,
): Promise<ScaleTarget> {
  let first: unknown
  for (const resource of resources) {
    try {
      return { resource, scale: await client.getSubresource<Scale>(resource, { namespace, name }, 'scale') }
    } catch (error) {
      first ??= error
    }
  }
  throw first
}
