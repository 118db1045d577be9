import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createZstdDecompress } from 'node:zlib'

/** How compressed files begin (RFC 1952, RFC 8878). */
const formats = [
  { magic: Buffer.from([0x1f, 0x8b]), decompressor: createGunzip },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), decompressor: createZstdDecompress },
] as const

/** Copies an archive; one that is compressed with gzip or zstd is unpacked on the way. */
export async function unpackTo(target: string, archive: string): Promise<void> {
  const beginning = await beginningOf(archive)
  const format = formats.find(({ magic }) => beginning.subarray(0, magic.length).equals(magic))
  const [source, sink] = [createReadStream(archive), createWriteStream(target)]
  await (format ? pipeline(source, format.decompressor(), sink) : pipeline(source, sink))
}

async function beginningOf(file: string): Promise<Buffer> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
