import type { ResourceClaim, ResourceClaimTemplate } from '../../api/generated/resource.v1.ts'
import type { Informer } from '../../client/informer.ts'
import { createMetrics, type Metrics } from '../../machinery/metrics.ts'
import { podClaimAnnotation } from './claims-of-pod.ts'

/** Names as upstream: kubernetes/pkg/controller/resourceclaim/metrics. */
export interface ClaimMetrics {
  /** Counts how the making of a claim ends. */
  created<T>(making: Promise<T>, template: ResourceClaimTemplate): Promise<T>
  /** Counts the claims of the cache whenever metrics are read. */
  follow(claims: Informer<ResourceClaim>): void
}

/** Whose claims are counted, so that starting again does not count twice. */
const followed = new WeakMap<Metrics, { claims: Informer<ResourceClaim> }>()

const prefix = 'resourceclaim_controller'

export function createClaimMetrics(metrics: Metrics = createMetrics()): ClaimMetrics {
  const creates = metrics.counter({
    name: `${prefix}_creates_total`,
    help: 'Number of ResourceClaims creation requests, categorized by creation status and admin access',
    labels: ['status', 'admin_access'],
  })
  const claimCounts = metrics.gauge({
    name: `${prefix}_resource_claims`,
    help:
      'Number of ResourceClaims, categorized by allocation status, admin access, and source. Source can be ' +
      "'resource_claim_template' (created from a template), 'extended_resource' (extended resources), " +
      'or empty (manually created by a user).',
    labels: ['allocated', 'admin_access', 'source'],
  })
  return {
    async created(making, { spec }) {
      const admin_access = String(isAdministrative(spec.spec.devices))
      try {
        const made = await making
        creates.with({ status: 'success', admin_access }).add()
        return made
      } catch (error) {
        creates.with({ status: 'failure', admin_access }).add()
        throw error
      }
    },
    follow(claims) {
      const known = followed.get(metrics)
      if (known) {
        known.claims = claims
        return
      }
      const current = { claims }
      followed.set(metrics, current)
      metrics.onCollect(() => {
        const counts = new Map<string, number>()
        for (const claim of current.claims.list()) {
          const key = labelsOf(claim).join(' ')
          counts.set(key, (counts.get(key) ?? 0) + 1)
        }
        for (const allocated of ['true', 'false']) {
          for (const admin_access of ['true', 'false']) {
            for (const source of sources) {
              const count = counts.get([allocated, admin_access, source].join(' '))
              if (count) claimCounts.with({ allocated, admin_access, source }).set(count)
              else claimCounts.remove({ allocated, admin_access, source })
            }
          }
        }
      })
    },
  }
}

const sources = ['resource_claim_template', 'extended_resource', '']

function labelsOf({ metadata, spec, status }: ResourceClaim): readonly string[] {
  const annotations = metadata?.annotations ?? {}
  const source =
    podClaimAnnotation in annotations
      ? 'resource_claim_template'
      : annotations['resource.kubernetes.io/extended-resource-claim'] === 'true'
        ? 'extended_resource'
        : ''
  return [String(status?.allocation !== undefined), String(isAdministrative(spec.devices)), source]
}

function isAdministrative(devices: ResourceClaim['spec']['devices']): boolean {
  return (devices?.requests ?? []).some(({ exactly }) => exactly?.adminAccess === true)
}
