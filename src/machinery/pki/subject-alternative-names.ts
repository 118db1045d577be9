import { formatIp, parseIp } from '../ip.ts'
import { DerError, implicit, readAll, readOne, tags } from './der.ts'

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

/** The general names, to stand in a sequence; none when there are none. Throws on what is no address. */
export function encodeGeneralNames(names: SubjectAlternativeNames): readonly Buffer[] {
  const texts = (tag: number, values: readonly string[] = []) =>
    values.map((value) => implicit(tag, Buffer.from(value, 'latin1')))
  return [
    ...texts(dnsTag, names.dnsNames),
    ...texts(emailTag, names.emailAddresses),
    ...(names.ipAddresses ?? []).map((address) => implicit(addressTag, addressBytes(address))),
    ...texts(uriTag, names.uris),
  ]
}

/** Reads the content of the extension subjectAltName. Throws DerError. */
export function decodeGeneralNames(encoded: Uint8Array): Required<SubjectAlternativeNames> {
  const all = readAll(readOne(encoded, tags.sequence).content)
  const contentsOf = (tag: number) =>
    all.filter((name) => name.tag === (0x80 | tag)).map(({ content }) => Buffer.from(content))
  const textsOf = (tag: number) => contentsOf(tag).map((content) => content.toString('latin1'))
  return {
    dnsNames: textsOf(dnsTag),
    emailAddresses: textsOf(emailTag),
    ipAddresses: contentsOf(addressTag).map(addressText),
    uris: textsOf(uriTag),
  }
}

function addressBytes(text: string): Buffer {
  const address = parseIp(text)
  if (!address) throw new TypeError(`not an IP address: ${text}`)
  return Buffer.from(address.value.toString(16).padStart(address.family === 4 ? 8 : 32, '0'), 'hex')
}

function addressText(bytes: Buffer): string {
  if (bytes.length !== 4 && bytes.length !== 16) throw new DerError('an IP address has 4 or 16 bytes')
  return formatIp({ family: bytes.length === 4 ? 4 : 6, value: BigInt(`0x${bytes.toString('hex')}`) })
}
