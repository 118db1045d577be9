import { X509Certificate } from 'node:crypto'
import type { Client } from '../../client/client.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { IssuedCertificate } from '../../machinery/pki/certificate.ts'
import type { Random } from '../../machinery/random.ts'
import type { PemStore } from '../pki/pem-store.ts'
import { issueFromSigner } from './node-certificates.ts'
import type { WantedFromSigner } from './request-certificate.ts'

export interface RotationOptions {
  readonly client: Client
  readonly store: PemStore
  /** Its name in the store. */
  readonly file: string
  readonly wanted: WantedFromSigner
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Told of each new one, once it is stored. */
  readonly onIssued: (issued: IssuedCertificate) => void
}

/** How long the cluster may take to approve and sign what is asked for. */
const answeredWithinMs = 120_000
/** The wall clock may jump, and a timer knows nothing of that: it is looked at this often. */
const longestSleepMs = 3_600_000
const [firstRetryMs, lastRetryMs] = [2_000, 32_000]

/**
 * Keeps a certificate of this machine from expiring: asks for the next one when between 70 % and 90 % of its life is over,
 * as client-go's certificate manager does, and again until there is one. Resolves, when stopped, with nothing under way.
 */
export function rotateCertificate(options: RotationOptions): () => Promise<void> {
  const { client, store, file, wanted, clock, random, log } = options
  const abort = new AbortController()
  const { signal } = abort

  async function rotate(): Promise<void> {
    let dueMs = rotationTime(store.read(`${file}.crt`) ?? '', 0, random)
    let retryMs = firstRetryMs
    for (;;) {
      while (clock.now() < dueMs) await sleep(clock, Math.min(dueMs - clock.now(), longestSleepMs), signal)
      try {
        const within = AbortSignal.any([signal, AbortSignal.timeout(answeredWithinMs)])
        const issued = await issueFromSigner(client, store, file, wanted, within)
        options.onIssued(issued)
        log.info('certificate rotated', { certificate: file })
        dueMs = rotationTime(issued.certificatePem, clock.now(), random)
        retryMs = firstRetryMs
      } catch (error) {
        signal.throwIfAborted()
        log.warn('certificate could not be rotated', { certificate: file, error, retryMs })
        await sleep(clock, retryMs * (1 + 0.1 * random.next()), signal)
        retryMs = Math.min(retryMs * 2, lastRetryMs)
      }
    }
  }

  const running = rotate().catch((error: unknown) => {
    if (!signal.aborted) log.error('certificate is not rotated any more', { certificate: file, error })
  })
  return async () => {
    abort.abort(new Error('the rotation of certificates stops'))
    await running
  }
}

/**
 * When another one is due, in milliseconds since the epoch. Its life is counted from `heldSinceMs` where that is later than
 * its beginning: signers date back, and one that is good for a few minutes would be due as soon as it is issued.
 */
function rotationTime(certificatePem: string, heldSinceMs: number, random: Random): number {
  const { validFromDate, validToDate } = new X509Certificate(certificatePem)
  const from = Math.max(validFromDate.getTime(), heldSinceMs)
  return from + (validToDate.getTime() - from) * (0.7 + 0.2 * random.next())
}
