import { nodes } from '../../api/generated/resources.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import type { KubeletHarness } from './kubelet-harness.ts'

const now = Date.now()
const authority = createCertificateAuthority({ commonName: 'ca', now })
const { certificatePem: certificate, privateKeyPem: privateKey } = issueCertificate(authority, {
  commonName: 'system:node:node-1',
  names: { ipAddresses: ['127.0.0.1'] },
  usages: ['server auth'],
  now,
})

/** The authority of everybody here. */
export const ca = authority.certificatePem

/** How a kubelet of tests serves: on any port of this machine, to those that `clientOf` makes. */
export const servingOptions = { address: '127.0.0.1', port: 0, certificate, privateKey, clientCA: ca }

export interface ClientTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Somebody whom `signer` knows, by default the kubelet's own authority. */
export function clientOf(commonName: string, signer = authority): ClientTls {
  const issued = issueCertificate(signer, { commonName, usages: ['client auth'], now })
  return { ca, cert: issued.certificatePem, key: issued.privateKeyPem }
}

/** Where a kubelet that has been started serves, without a path. */
export async function originOf({ client }: KubeletHarness): Promise<string> {
  const { status } = await client.get(nodes, { name: 'node-1' })
  return `https://127.0.0.1:${status?.daemonEndpoints?.kubeletEndpoint?.Port}`
}
