import type { Pod } from '../../api/generated/core.v1.ts'
import { pods, resourceClaims, resourceClaimTemplates } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { keyOf } from '../../machinery/resource.ts'
import { createClaimMetrics } from './claim-metrics.ts'
import { namedClaims, owningPod } from './claims-of-pod.ts'
import { syncClaim } from './sync-claim.ts'
import { claimsByPodIndex, syncPod } from './sync-pod.ts'

const podPrefix = 'pod:'
const claimPrefix = 'claim:'
const podsByClaimIndex = 'resource-claim'

/**
 * Makes claims from templates for the pods that name them, and frees claims when their consumers are over. The scheduler
 * chooses the devices. Source: kubernetes/pkg/controller/resourceclaim.
 */
export function resourceClaimReconciler(metrics?: Metrics): Reconciler {
  const claimMetrics = createClaimMetrics(metrics)
  return {
    name: 'resource-claim',
    queueName: 'resource_claim',
    eventSource: 'resource_claim',
    concurrency: 10,
    watches: [
      on(pods, keysOfPod),
      on(resourceClaims, (claim, { cache }) => {
        const owner = owningPod(claim)
        const users = cache(pods).byIndex(podsByClaimIndex, keyOf(claim)).map(keyOf)
        const all = owner ? [...users, `${claim.metadata?.namespace}/${owner.name}`] : users
        return [`${claimPrefix}${keyOf(claim)}`, ...new Set(all.map((key) => `${podPrefix}${key}`))]
      }),
      on(resourceClaimTemplates, ({ metadata }, { cache }) =>
        cache(pods)
          .list(metadata?.namespace)
          .filter(({ spec }) =>
            spec?.resourceClaims?.some((entry) => entry.resourceClaimTemplateName === metadata?.name),
          )
          .map((pod) => `${podPrefix}${keyOf(pod)}`),
      ),
    ],

    prepare({ cache }) {
      cache(pods).addIndex(podsByClaimIndex, namedClaims)
      cache(resourceClaims).addIndex(claimsByPodIndex, (claim) => {
        const owner = owningPod(claim)
        return owner ? [owner.uid] : []
      })
      claimMetrics.follow(cache(resourceClaims))
    },

    async reconcile(key, context) {
      if (key.startsWith(podPrefix)) {
        const pod = context.cache(pods).get(key.slice(podPrefix.length))
        if (pod) await syncPod(pod, context, claimMetrics)
        return done
      }
      const claim = context.cache(resourceClaims).get(key.slice(claimPrefix.length))
      if (claim) await syncClaim(claim, context)
      return done
    },
  }
}

function keysOfPod(pod: Pod): string[] {
  if (!pod.spec?.resourceClaims?.length && !pod.status?.extendedResourceClaimStatus) return []
  const { namespace } = pod.metadata ?? {}
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName
  const claims = extended ? [...namedClaims(pod), `${namespace}/${extended}`] : namedClaims(pod)
  return [`${podPrefix}${keyOf(pod)}`, ...claims.map((claim) => `${claimPrefix}${claim}`)]
}
