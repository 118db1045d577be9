import type { ResourceQuota } from '../../../api/generated/core.v1.ts'
import { resourceQuotas } from '../../../api/generated/resources.ts'
import { addResources, type ResourceList } from '../../../api/quota/resource-list.ts'
import type { Clock } from '../../../machinery/clock.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { checkRequest, evaluatorFor, type QuotaCharge } from './check-request.ts'
import type { LimitedResource } from './limited-resources.ts'
import { QuotaLedger, StaleQuotaError } from './quota-ledger.ts'

/** Other servers write quotas too, but not endlessly. */
const maxAttempts = 8

interface Waiting {
  readonly request: AdmissionRequest
  resolve(): void
  reject(error: unknown): void
}

/** What a request will use, by the name of the quota. */
type Reservation = ReadonlyMap<string, ResourceList>

/**
 * Keeps namespaces within their quotas. What a write will use is charged to `status.used` before it happens, so that
 * writes at the same time cannot use more together than there is. If the write fails, it is given back at once; the quota
 * controller corrects whatever else goes amiss. Requests of one namespace that come together are charged together.
 * Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota.
 */
export function createResourceQuota(
  objects: Objects,
  clock: Clock,
  limited: readonly LimitedResource[] = [],
): AdmissionPlugin {
  const ledger = new QuotaLedger(objects)
  const reservations = new WeakMap<AdmissionRequest, Reservation>()
  /** By namespace: those that wait for the batch under way to end. */
  const queues = new Map<string, Waiting[]>()

  function reserve(request: AdmissionRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = { request, resolve, reject }
      const queue = queues.get(request.namespace)
      if (queue) return void queue.push(waiting)
      queues.set(request.namespace, [waiting])
      void work(request.namespace)
    })
  }

  async function work(namespace: string): Promise<void> {
    // Requests of the same turn make one batch.
    await Promise.resolve()
    for (let batch = queues.get(namespace); batch?.length; batch = queues.get(namespace)) {
      queues.set(namespace, [])
      await chargeBatch(namespace, batch)
    }
    queues.delete(namespace)
  }

  async function refreshFailure(namespace: string): Promise<unknown> {
    try {
      await ledger.refresh(namespace)
      return undefined
    } catch (error) {
      return error
    }
  }

  /** Settles every request of the batch. */
  async function chargeBatch(namespace: string, batch: readonly Waiting[]): Promise<void> {
    for (let attempt = 1, open = batch; ; attempt++) {
      const { accepted, totals } = checkBatch(ledger.quotas(namespace), open, clock.now(), limited)
      try {
        await chargeTotals(ledger, totals)
      } catch (error) {
        const mayRetry = error instanceof StaleQuotaError && attempt < maxAttempts
        const failure = mayRetry ? await refreshFailure(namespace) : error
        if (failure === undefined) {
          open = accepted.map(({ waiting }) => waiting)
          continue
        }
        const refusal = failure instanceof StaleQuotaError ? failure.status : failure
        for (const { waiting } of accepted) waiting.reject(refusal)
        return
      }
      for (const { waiting, charges } of accepted) {
        reservations.set(waiting.request, reservationOf(charges))
        waiting.resolve()
      }
      return
    }
  }

  return {
    name: 'ResourceQuota',
    handles: (request) => request.namespace !== '' && evaluatorFor(request) !== undefined,
    async validate(request) {
      const isLimited = limited.length > 0 || objects.list(resourceQuotas, request.namespace).length > 0
      if (isLimited) await reserve(request)
    },
    async release(request) {
      const reservation = reservations.get(request) ?? new Map<string, ResourceList>()
      reservations.delete(request)
      for (const [name, delta] of reservation) await ledger.giveBack(request.namespace, name, delta)
    },
  }
}

interface Accepted {
  readonly waiting: Waiting
  readonly charges: readonly QuotaCharge[]
}

/** Checks one request after the other against what the ones before leave. Refuses those for which it is not enough. */
function checkBatch(
  quotas: readonly ResourceQuota[],
  batch: readonly Waiting[],
  nowMs: number,
  limited: readonly LimitedResource[],
): { readonly accepted: readonly Accepted[]; readonly totals: readonly QuotaCharge[] } {
  const accepted: Accepted[] = []
  const totals = new Map<string, ResourceList>()
  for (const waiting of batch) {
    const left = quotas.map((quota) => withUsage(quota, totals.get(nameOf(quota))))
    try {
      const charges = checkRequest(waiting.request, evaluatorFor(waiting.request)!, left, nowMs, limited)
      // A dry run uses nothing.
      accepted.push({ waiting, charges: waiting.request.dryRun ? [] : charges })
      if (waiting.request.dryRun) continue
      for (const { quota, delta } of charges) {
        totals.set(nameOf(quota), addResources(totals.get(nameOf(quota)) ?? {}, delta))
      }
    } catch (error) {
      waiting.reject(error)
    }
  }
  return {
    accepted,
    totals: quotas.flatMap((quota) => {
      const delta = totals.get(nameOf(quota))
      return delta ? [{ quota, delta }] : []
    }),
  }
}

/** All or nothing: when one quota cannot be charged, the others get back what they were. */
async function chargeTotals(ledger: QuotaLedger, totals: readonly QuotaCharge[]): Promise<void> {
  const done: QuotaCharge[] = []
  try {
    for (const charge of totals) {
      await ledger.charge(charge.quota, charge.delta)
      done.push(charge)
    }
  } catch (error) {
    for (const { quota, delta } of done) {
      await ledger.giveBack(quota.metadata?.namespace ?? '', nameOf(quota), delta)
    }
    throw error
  }
}

function reservationOf(charges: readonly QuotaCharge[]): Reservation {
  return new Map(charges.map(({ quota, delta }) => [nameOf(quota), delta]))
}

function nameOf({ metadata }: ResourceQuota): string {
  return metadata?.name ?? ''
}

function withUsage(quota: ResourceQuota, delta: ResourceList | undefined): ResourceQuota {
  if (!delta) return quota
  return { ...quota, status: { ...quota.status, used: addResources(quota.status?.used ?? {}, delta) } }
}
