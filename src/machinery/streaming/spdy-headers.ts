import { constants, inflateRawSync } from 'node:zlib'

/**
 * Header blocks of SPDY/3.1: name-value pairs, compressed by one zlib stream per direction that starts from a fixed
 * dictionary. Source: the SPDY protocol, draft 3.1, section 2.6.10.
 */

/** Names in lower case. A value that was sent several times is joined with NUL on the wire, with `, ` here. */
export type SpdyHeaders = Readonly<Record<string, string>>

const lengthPrefixedWords =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow ' +
  'authorization cache-control connection content-base content-encoding content-language content-length ' +
  'content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade ' +
  'user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie ' +
  'keep-alive origin'

const plainWords =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 ' +
  'Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 ' +
  'Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept ' +
  'Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,' +
  'application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=' +
  'utf-8charset=iso-8859-1,utf-,*,enq=0.'

/** The dictionary that both sides know, and its Adler-32 checksum, which the zlib header names. */
export const headerDictionary: Buffer = Buffer.concat([
  ...lengthPrefixedWords.split(' ').map((word) => lengthPrefixed(word.replace('_', ' '))),
  Buffer.from(plainWords),
])
const dictionaryChecksum = 0xe3c6a7c2

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text)
  const prefixed = Buffer.alloc(4 + bytes.length)
  prefixed.writeUInt32BE(bytes.length)
  prefixed.set(bytes, 4)
  return prefixed
}

const maxStoredLength = 0xffff

/**
 * Writes header blocks as stored (uncompressed) deflate blocks: they are small and few. An empty stored block ends each,
 * as a sync flush does, because Go's inflater hands out what it has read only then.
 */
export class HeaderWriter {
  #isFirst = true

  write(headers: SpdyHeaders): Buffer {
    const pairs = Object.entries(headers)
    const count = Buffer.alloc(4)
    count.writeUInt32BE(pairs.length)
    const block = Buffer.concat([
      count,
      ...pairs.flatMap(([name, value]) => [lengthPrefixed(name.toLowerCase()), lengthPrefixed(value)]),
    ])
    const parts: Buffer[] = this.#isFirst ? [zlibHeader()] : []
    this.#isFirst = false
    for (let start = 0; start < block.length; start += maxStoredLength) {
      const stored = block.subarray(start, start + maxStoredLength)
      parts.push(storedBlockHeader(stored.length), stored)
    }
    return Buffer.concat([...parts, storedBlockHeader(0)])
  }
}

/** Deflate with a 32 KiB window and a preset dictionary (RFC 1950). */
function zlibHeader(): Buffer {
  const header = Buffer.from([0x78, 0xbb, 0, 0, 0, 0])
  header.writeUInt32BE(dictionaryChecksum, 2)
  return header
}

/** RFC 1951, section 3.2.4, for a block that is not the last. */
function storedBlockHeader(length: number): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt16LE(length, 1)
  header.writeUInt16LE(~length & 0xffff, 3)
  return header
}

const windowSize = 32_768
const maxBlockSize = 256 * 1024

/**
 * Reads header blocks. Each ends on a byte boundary (a sync flush), so it can be inflated by itself when the inflater is
 * given what came before as its dictionary.
 */
export class HeaderReader {
  #window: Buffer | undefined

  /** Throws an Error when the block is malformed or too large. */
  read(compressed: Uint8Array): Record<string, string> {
    let deflated = compressed
    if (!this.#window) {
      const usesDictionary = (compressed[1] ?? 0) & 0x20
      deflated = compressed.subarray(usesDictionary ? 6 : 2)
      this.#window = usesDictionary ? headerDictionary : Buffer.alloc(0)
    }
    const block = inflateRawSync(deflated, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: maxBlockSize,
      ...(this.#window.length > 0 && { dictionary: this.#window }),
    })
    this.#window = Buffer.concat([this.#window, block]).subarray(-windowSize)
    return parseBlock(block)
  }
}

function parseBlock(block: Buffer): Record<string, string> {
  let position = 0
  const next = (): number => {
    const value = block.readUInt32BE(position)
    position += 4
    return value
  }
  const text = (): string => {
    const length = next()
    if (length > block.length - position) throw new RangeError('header block is too short')
    position += length
    return block.toString('utf8', position - length, position)
  }
  const headers: Record<string, string> = {}
  for (let remaining = next(); remaining > 0; remaining--) {
    const name = text()
    headers[name] = text().replaceAll('\0', ', ')
  }
  return headers
}
