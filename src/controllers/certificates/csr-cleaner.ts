import { X509Certificate } from 'node:crypto'
import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'
import { certificateSigningRequests } from '../../api/generated/resources.ts'
import { again, done, on, type Reconciler } from '../../client/reconciler.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { parseTime } from '../../machinery/time.ts'
import { isIssued } from './request-state.ts'

const hourMs = 3_600_000
/** Behind a decision. */
const decidedMs = hourMs
/** Behind creation. */
const pendingMs = 24 * hourMs

/** Deletes requests that nobody needs any more. Source: kubernetes/pkg/controller/certificates/cleaner. */
export const csrCleanerReconciler: Reconciler = {
  name: 'csrcleaner',
  concurrency: 1,
  watches: [on(certificateSigningRequests, (request) => [keyOf(request)])],

  async reconcile(key, { client, cache, clock }) {
    const request = cache(certificateSigningRequests).get(key)
    const due = request && dueMs(request)
    if (!request || due === undefined) return done
    // Past the deadline, not at it.
    if (due >= clock.now()) return again(due - clock.now() + 1)
    try {
      const uid = request.metadata?.uid
      await client.delete(
        certificateSigningRequests,
        { name: key },
        uid === undefined ? {} : { preconditions: { uid } },
      )
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    return done
  },
}

/** When the request may go, milliseconds since the epoch; undefined when it may stay for all that is known. */
function dueMs(request: CertificateSigningRequest): number | undefined {
  const conditions = request.status?.conditions ?? []
  const created = parseTime(request.metadata?.creationTimestamp)
  if (conditions.length === 0) return created === undefined ? undefined : created + pendingMs
  const due = conditions.flatMap(({ type, lastUpdateTime }) => {
    const decided = parseTime(lastUpdateTime)
    if (type === 'Denied' || type === 'Failed') return decided === undefined ? [] : [decided + decidedMs]
    // What is approved and never signed stays.
    if (type !== 'Approved' || !isIssued(request)) return []
    const expiry = expiryMs(request)
    return [
      ...(decided === undefined ? [] : [decided + decidedMs]),
      ...(expiry === undefined ? [] : [expiry]),
    ]
  })
  return due.length === 0 ? undefined : Math.min(...due)
}

function expiryMs({ status }: CertificateSigningRequest): number | undefined {
  try {
    return new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64')).validToDate.getTime()
  } catch {
    // Whoever wrote it knows what it is.
    return undefined
  }
}
