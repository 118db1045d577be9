import type { Pod, PodResourceClaim } from '../../api/generated/core.v1.ts'
import type { ResourceClaim } from '../../api/generated/resource.v1.ts'
import { pods, resourceClaims, resourceClaimTemplates } from '../../api/generated/resources.ts'
import {
  canBeReserved,
  isReservedFor,
  podClaimName,
  reservationOf,
  whyNotForPod,
} from '../../api/resource/pod-claims.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { claimFromTemplate, mayRun, planClaim } from './claims-of-pod.ts'
import type { ClaimMetrics } from './claim-metrics.ts'

const fieldManager = 'ResourceClaimController'

/** Name of the index of claims by the uid of the pod that is their controller. */
export const claimsByPodIndex = 'pod-owner'

/** Makes the claims that a pod has templates for, and reserves for a pod that was bound without the scheduler. */
export async function syncPod(pod: Pod, context: ReconcileContext, metrics: ClaimMetrics): Promise<void> {
  if (isDeleting(pod) || !mayRun(pod)) return
  const made = new Map<string, string>()
  for (const entry of pod.spec?.resourceClaims ?? []) {
    try {
      const claim = await claimFor(pod, entry, context, metrics)
      if (claim) made.set(entry.name, claim.metadata?.name ?? '')
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error)
      const message = `PodResourceClaim ${entry.name}: ${words}`
      context.events.event(pod, 'Warning', 'FailedResourceClaimCreation', message)
      throw error
    }
  }
  if (made.size > 0) await stateClaims(pod, made, context)
  if (pod.spec?.nodeName) await reserve(pod, context)
}

/** The claim that the pod is to be told of, if there is one. */
async function claimFor(
  pod: Pod,
  entry: PodResourceClaim,
  { cache, client }: ReconcileContext,
  metrics: ClaimMetrics,
): Promise<ResourceClaim | undefined> {
  const namespace = pod.metadata?.namespace ?? ''
  const claims = cache(resourceClaims)
  const owned = claims.byIndex(claimsByPodIndex, pod.metadata?.uid ?? '')
  const plan = planClaim(pod, entry, (name) => claims.get(`${namespace}/${name}`), owned)
  switch (plan.type) {
    case 'nothing':
      return undefined
    case 'found':
      return plan.claim
    case 'fault':
      throw new Error(plan.message)
    case 'create': {
      const template = cache(resourceClaimTemplates).get(`${namespace}/${plan.templateName}`)
      if (!template) {
        const words = `resourceclaimtemplate.resource.k8s.io "${plan.templateName}" not found`
        throw new Error(`resource claim template "${plan.templateName}": ${words}`)
      }
      return metrics.created(client.create(resourceClaims, claimFromTemplate(pod, entry, template)), template)
    }
  }
}

/** Each name is owned by this controller alone; others of the list stay as they are. */
async function stateClaims(
  { metadata, status }: Pod,
  made: ReadonlyMap<string, string>,
  { client }: ReconcileContext,
): Promise<void> {
  const { namespace = '', name = '', uid = '' } = metadata ?? {}
  const known = (status?.resourceClaimStatuses ?? []).filter((entry) => !made.has(entry.name))
  const stated = [...made].map(([entry, claim]) => ({ name: entry, resourceClaimName: claim }))
  const body = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, uid },
    status: { resourceClaimStatuses: [...known, ...stated] },
  }
  const options = { subresource: 'status', fieldManager, force: true }
  await client.patch(pods, { namespace, name }, { type: 'apply', body }, options)
}

/** A pod that came with a node never met the scheduler, who reserves else. */
async function reserve(pod: Pod, { cache, client }: ReconcileContext): Promise<void> {
  for (const entry of pod.spec?.resourceClaims ?? []) {
    const named = podClaimName(pod, entry)
    if (named.type !== 'named') continue
    const claim = cache(resourceClaims).get(`${pod.metadata?.namespace}/${named.name}`)
    if (!claim?.status?.allocation || isReservedFor(claim, pod) || !canBeReserved(claim)) continue
    const foreign = named.isGenerated ? whyNotForPod(claim, pod) : undefined
    if (foreign) throw new Error(foreign)
    const reservedFor = [...(claim.status.reservedFor ?? []), reservationOf(pod)]
    const status = { ...claim.status, reservedFor }
    await client.update(resourceClaims, { ...claim, status }, { subresource: 'status' })
  }
}
