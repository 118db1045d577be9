import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Client } from '../../client/client.ts'
import type { IssuedCertificate } from '../../machinery/pki/certificate.ts'
import type { ClientIdentity } from '../pki/cluster-pki.ts'
import type { PemStore } from '../pki/pem-store.ts'
import { requestCertificate, type WantedFromSigner } from './request-certificate.ts'

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

/**
 * The certificate that the store has as `file`, where it is good at `now` (milliseconds since the epoch) and for what is
 * wanted; undefined where it is not.
 */
export function keptCertificate(
  store: PemStore,
  file: string,
  now: number,
  wanted?: WantedFromSigner,
): IssuedCertificate | undefined {
  const [certificatePem, privateKeyPem] = [store.read(`${file}.crt`), store.read(`${file}.key`)]
  if (certificatePem === undefined || privateKeyPem === undefined) return undefined
  const certificate = new X509Certificate(certificatePem)
  if (now >= certificate.validToDate.getTime()) return undefined
  // A process that ended between two writes leaves the key of one certificate beside another.
  if (!certificate.checkPrivateKey(createPrivateKey(privateKeyPem))) return undefined
  return wanted && !names(certificate, wanted) ? undefined : { certificatePem, privateKeyPem }
}

function names(certificate: X509Certificate, { names: wanted, subject }: WantedFromSigner): boolean {
  const { dnsNames = [], ipAddresses = [] } = wanted ?? {}
  return (
    certificate.subject.split('\n').includes(`CN=${subject.commonName}`) &&
    dnsNames.every((name) => certificate.checkHost(name)) &&
    ipAddresses.every((address) => certificate.checkIP(address))
  )
}

/** The same, asked for and kept where there is none. */
export async function ensureFromSigner(
  client: Client,
  store: PemStore,
  file: string,
  wanted: WantedFromSigner,
  { now, signal }: { readonly now: number; readonly signal: AbortSignal },
): Promise<IssuedCertificate> {
  const kept = keptCertificate(store, file, now, wanted)
  return kept ?? (await issueFromSigner(client, store, file, wanted, signal))
}

/** Another one, whatever is kept. */
export async function issueFromSigner(
  client: Client,
  store: PemStore,
  file: string,
  wanted: WantedFromSigner,
  signal: AbortSignal,
): Promise<IssuedCertificate> {
  const issued = await requestCertificate(client, wanted, signal)
  store.write(`${file}.key`, issued.privateKeyPem)
  store.write(`${file}.crt`, issued.certificatePem)
  return issued
}
