import type { X509Certificate } from 'node:crypto'
import { expectTag, readAll, readObjectIdentifier, readOne, tags } from './der.ts'

const basicConstraintsId = '2.5.29.19'
const subjectKeyIdentifierId = '2.5.29.14'
const authorityKeyIdentifierId = '2.5.29.35'

/**
 * Whether a certificate's basic constraints (RFC 5280, 4.2.1.9) say that it is an authority's, whatever its key usage
 * says, which `X509Certificate.ca` looks at too.
 */
export function isAuthorityByConstraints(certificate: X509Certificate): boolean {
  const value = extensionValue(certificate, basicConstraintsId)
  if (!value) return false
  const [first] = readAll(readOne(value, tags.sequence).content)
  return first?.tag === tags.boolean && first.content[0] !== 0
}

/** Of the certificate's own key, and of the one that signed it (RFC 5280, 4.2.1.1 and 4.2.1.2); empty where it says none. */
export function keyIdentifiers(certificate: X509Certificate): {
  readonly subject: Uint8Array
  readonly authority: Uint8Array
} {
  const nothing = new Uint8Array()
  const subject = extensionValue(certificate, subjectKeyIdentifierId)
  const authority = extensionValue(certificate, authorityKeyIdentifierId)
  const keyIdentifier =
    authority && readAll(readOne(authority, tags.sequence).content).find(({ tag }) => tag === 0x80)
  return {
    subject: subject ? readOne(subject, tags.octetString).content : nothing,
    authority: keyIdentifier?.content ?? nothing,
  }
}

/** What an extension's OCTET STRING holds; undefined where the certificate has none of this identifier. */
export function extensionValue(certificate: X509Certificate, id: string): Uint8Array | undefined {
  const [body] = readAll(readOne(certificate.raw, tags.sequence).content)
  const fields = readAll(expectTag(body, tags.sequence).content)
  const extensions = fields.find(({ tag }) => tag === 0xa3)
  if (!extensions) return undefined
  for (const one of readAll(readOne(extensions.content, tags.sequence).content)) {
    const parts = readAll(one.content)
    if (readObjectIdentifier(expectTag(parts[0], tags.objectIdentifier).content) !== id) continue
    return expectTag(parts.at(-1), tags.octetString).content
  }
  return undefined
}
