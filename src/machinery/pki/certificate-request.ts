import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import {
  DerError,
  expectTag,
  explicit,
  objectIdentifier,
  octetString,
  readAll,
  readBitString,
  readObjectIdentifier,
  readOne,
  sequence,
  setOf,
  tags,
  unsignedInteger,
  type Element,
} from './der.ts'
import { decodeName, encodeName, subjectOf, type Subject } from './distinguished-name.ts'
import { signed, type KeyPair } from './key-pair.ts'
import { decodePem, encodePem } from './pem.ts'
import {
  decodeGeneralNames,
  encodeGeneralNames,
  type SubjectAlternativeNames,
} from './subject-alternative-names.ts'

/** A PKCS #10 request (RFC 2986), read and its signature verified. */
export interface CertificateRequest {
  readonly subject: Subject
  /** The name byte by byte, to be repeated in the certificate. */
  readonly encodedSubject: Uint8Array
  readonly names: Required<SubjectAlternativeNames>
  readonly publicKey: KeyObject
}

const extensionRequestId = '1.2.840.113549.1.9.14'
const alternativeNamesId = '2.5.29.17'
const noNames = { dnsNames: [], ipAddresses: [], emailAddresses: [], uris: [] }

/** Asks for a certificate for `keyPair`. PEM. */
export function createCertificateRequest(
  keyPair: KeyPair,
  subject: Subject,
  names: SubjectAlternativeNames = {},
): string {
  const general = encodeGeneralNames(names)
  const extensions = sequence(
    sequence(objectIdentifier(alternativeNamesId), octetString(sequence(...general))),
  )
  const attributes =
    general.length === 0 ? [] : [sequence(objectIdentifier(extensionRequestId), setOf(extensions))]
  const body = sequence(
    unsignedInteger(Uint8Array.of(0)),
    encodeName(subject),
    keyPair.publicKey.export({ type: 'spki', format: 'der' }),
    explicit(0, ...attributes),
  )
  return encodePem('CERTIFICATE REQUEST', signed(body, keyPair.privateKey))
}

/** Reads the PEM text in a CertificateSigningRequest's `spec.request`. Throws when it is malformed or its signature is wrong. */
export function parseCertificateRequest(pem: string): CertificateRequest {
  const [block] = decodePem(pem)
  if (block?.label !== 'CERTIFICATE REQUEST') throw new Error('PEM block type must be CERTIFICATE REQUEST')
  const [body, algorithm, signature] = readAll(readOne(block.der, tags.sequence).content)
  const [, name, key, attributes] = readAll(expectTag(body, tags.sequence).content)
  const encodedSubject = expectTag(name, tags.sequence).encoded
  const publicKey = createPublicKey({
    key: Buffer.from(expectTag(key, tags.sequence).encoded),
    format: 'der',
    type: 'spki',
  })
  const bits = readBitString(expectTag(signature, tags.bitString).content)
  if (!verify(hashOf(expectTag(algorithm, tags.sequence)), body!.encoded, publicKey, bits)) {
    throw new Error('the signature of the certificate request is wrong')
  }
  return {
    subject: subjectOf(decodeName(encodedSubject)),
    encodedSubject,
    names: requestedNames(attributes),
    publicKey,
  }
}

/** By the identifier of the signature algorithm; undefined where the scheme hashes by itself. */
function hashOf(algorithm: Element): string | undefined {
  const id = readObjectIdentifier(expectTag(readAll(algorithm.content)[0], tags.objectIdentifier).content)
  const hash = hashes[id]
  if (hash === undefined) throw new DerError(`signature algorithm ${id} is not supported`)
  return hash === '' ? undefined : hash
}

const hashes: Readonly<Record<string, string>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': '',
}

function requestedNames(attributes: Element | undefined): Required<SubjectAlternativeNames> {
  if (!attributes) return noNames
  for (const attribute of readAll(expectTag(attributes, 0xa0).content)) {
    const [id, values] = readAll(expectTag(attribute, tags.sequence).content)
    if (readObjectIdentifier(expectTag(id, tags.objectIdentifier).content) !== extensionRequestId) continue
    const extensions = readOne(expectTag(values, tags.set).content, tags.sequence)
    for (const extension of readAll(extensions.content)) {
      const parts = readAll(expectTag(extension, tags.sequence).content)
      const type = readObjectIdentifier(expectTag(parts[0], tags.objectIdentifier).content)
      if (type === alternativeNamesId) {
        return decodeGeneralNames(expectTag(parts.at(-1), tags.octetString).content)
      }
    }
  }
  return noNames
}
