import type { CertificateSigningRequest, KeyUsage } from '../../api/generated/certificates.v1.ts'
import { certificateSigningRequests } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { IssuedCertificate } from '../../machinery/pki/certificate.ts'
import { createCertificateRequest } from '../../machinery/pki/certificate-request.ts'
import type { Subject } from '../../machinery/pki/distinguished-name.ts'
import { encodePrivateKey, generateKeyPair } from '../../machinery/pki/key-pair.ts'
import type { SubjectAlternativeNames } from '../../machinery/pki/subject-alternative-names.ts'

export interface WantedFromSigner {
  readonly signerName: string
  readonly subject: Subject
  readonly names?: SubjectAlternativeNames
  readonly usages: readonly KeyUsage[]
  /** Begins the name of the request. */
  readonly prefix: string
}

/** A request that was denied or cannot be fulfilled. */
export class CertificateRefusedError extends Error {
  override readonly name = 'CertificateRefusedError'
}

/**
 * Asks the cluster for a certificate, for a key that does not leave this process, and waits until it is issued: somebody
 * approves the request, a signer signs it. Throws CertificateRefusedError where one of them will not.
 */
export async function requestCertificate(
  client: Client,
  { signerName, subject, names, usages, prefix }: WantedFromSigner,
  signal: AbortSignal,
): Promise<IssuedCertificate> {
  const keyPair = generateKeyPair()
  const request = Buffer.from(createCertificateRequest(keyPair, subject, names)).toString('base64')
  const created = await client.create(certificateSigningRequests, {
    metadata: { generateName: prefix },
    spec: { request, signerName, usages: [...usages] },
  })
  const name = created.metadata?.name ?? ''
  while (!signal.aborted) {
    // A watch may end at any time, and begins with what is there.
    const events = client.watch(certificateSigningRequests, {
      fieldSelector: `metadata.name=${name}`,
      signal,
    })
    for await (const { type, object } of events) {
      if (type === 'DELETED') throw new CertificateRefusedError(`the request ${name} was deleted`)
      const certificatePem = outcome(object)
      if (certificatePem) return { certificatePem, privateKeyPem: encodePrivateKey(keyPair.privateKey) }
    }
  }
  throw new CertificateRefusedError(`the request ${name} was not answered`)
}

function outcome({ metadata, status }: CertificateSigningRequest): string | undefined {
  const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed')
  if (refusal) {
    throw new CertificateRefusedError(
      `the request ${metadata?.name} is ${refusal.type.toLowerCase()}: ${refusal.message ?? refusal.reason}`,
    )
  }
  return status?.certificate ? Buffer.from(status.certificate, 'base64').toString() : undefined
}
