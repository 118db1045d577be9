import { implicit, readAll, readOne, tags } from './der.ts'
import { formatAddress, parseAddress } from './ip-address.ts'

/** What a certificate is for besides its subject. Source: RFC 5280, 4.2.1.6. */
export interface SubjectAlternativeNames {
  readonly dnsNames?: readonly string[]
  /** `10.96.0.1`, `fd00::1`. */
  readonly ipAddresses?: readonly string[]
  readonly emailAddresses?: readonly string[]
  readonly uris?: readonly string[]
}

const emailTag = 1
const dnsTag = 2
const uriTag = 6
const addressTag = 7

/** The general names, to stand in a sequence; none when there are none. */
export function encodeGeneralNames(names: SubjectAlternativeNames): readonly Buffer[] {
  const texts = (tag: number, values: readonly string[] = []) =>
    values.map((value) => implicit(tag, Buffer.from(value, 'latin1')))
  return [
    ...texts(dnsTag, names.dnsNames),
    ...texts(emailTag, names.emailAddresses),
    ...(names.ipAddresses ?? []).map((address) => implicit(addressTag, parseAddress(address))),
    ...texts(uriTag, names.uris),
  ]
}

/** Reads the content of the extension subjectAltName. Throws DerError. */
export function decodeGeneralNames(encoded: Uint8Array): Required<SubjectAlternativeNames> {
  const all = readAll(readOne(encoded, tags.sequence).content)
  const contentsOf = (tag: number) =>
    all.filter((name) => name.tag === (0x80 | tag)).map(({ content }) => content)
  const textsOf = (tag: number) => contentsOf(tag).map((content) => Buffer.from(content).toString('latin1'))
  return {
    dnsNames: textsOf(dnsTag),
    emailAddresses: textsOf(emailTag),
    ipAddresses: contentsOf(addressTag).map(formatAddress),
    uris: textsOf(uriTag),
  }
}
