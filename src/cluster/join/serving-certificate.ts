import type { ComponentContext } from '../../client/component.ts'
import type { IssuedCertificate } from '../../machinery/pki/certificate.ts'
import type { PemStore } from '../pki/pem-store.ts'
import { ensureFromSigner, kubeletServing } from './node-certificates.ts'

/** What the certificate is called in its store. */
export const servingFile = 'kubelet-server'
/** How long the cluster may take to approve and sign. */
const answeredWithinMs = 120_000

/** What the kubelet of a node shows: what it has, else what the cluster gives it. */
export function servingCertificate(
  { client, clock }: ComponentContext,
  store: PemStore,
  node: string,
  addresses: readonly string[],
): Promise<IssuedCertificate> {
  const signal = AbortSignal.timeout(answeredWithinMs)
  const wanted = kubeletServing(node, addresses)
  return ensureFromSigner(client, store, servingFile, wanted, { now: clock.now(), signal })
}
