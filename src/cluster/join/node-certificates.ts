import { X509Certificate } from 'node:crypto'
import type { Client } from '../../client/client.ts'
import type { IssuedCertificate } from '../../machinery/pki/certificate.ts'
import type { ClientIdentity } from '../pki/cluster-pki.ts'
import type { PemStore } from '../pki/pem-store.ts'
import { requestCertificate, type WantedFromSigner } from './request-certificate.ts'

/** A certificate is asked for anew when less than this share of its life is left, as kubelets do. */
const leftShare = 0.2

/** What the kubelet is to the API server. */
export function kubeletClient(node: string): WantedFromSigner {
  return {
    prefix: 'node-csr-',
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    subject: { commonName: `system:node:${node}`, organizations: ['system:nodes'] },
    usages: ['digital signature', 'key encipherment', 'client auth'],
  }
}

/** What the kubelet shows to those who ask it. */
export function kubeletServing(node: string, ipAddresses: readonly string[]): WantedFromSigner {
  return {
    prefix: 'csr-',
    signerName: 'kubernetes.io/kubelet-serving',
    subject: { commonName: `system:node:${node}`, organizations: ['system:nodes'] },
    names: { dnsNames: [node], ipAddresses },
    usages: ['digital signature', 'key encipherment', 'server auth'],
  }
}

/** What another component of the node is to the API server. */
export function componentClient({ file, user, groups }: ClientIdentity): WantedFromSigner {
  return {
    prefix: `${file}-`,
    signerName: 'kubernetes.io/kube-apiserver-client',
    subject: { commonName: user, organizations: groups },
    usages: ['digital signature', 'key encipherment', 'client auth'],
  }
}

/** The certificate that the store has as `file`, where it is good for a while; undefined where it is not. */
export function keptCertificate(store: PemStore, file: string, now: number): IssuedCertificate | undefined {
  const [certificatePem, privateKeyPem] = [store.read(`${file}.crt`), store.read(`${file}.key`)]
  if (certificatePem === undefined || privateKeyPem === undefined) return undefined
  const { validFrom, validTo } = new X509Certificate(certificatePem)
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)]
  return to - now > (to - from) * leftShare ? { certificatePem, privateKeyPem } : undefined
}

/** The same, asked for and kept where there is none. */
export async function ensureFromSigner(
  client: Client,
  store: PemStore,
  file: string,
  wanted: WantedFromSigner,
  { now, signal }: { readonly now: number; readonly signal: AbortSignal },
): Promise<IssuedCertificate> {
  const kept = keptCertificate(store, file, now)
  if (kept) return kept
  const issued = await requestCertificate(client, wanted, signal)
  store.write(`${file}.key`, issued.privateKeyPem)
  store.write(`${file}.crt`, issued.certificatePem)
  return issued
}
