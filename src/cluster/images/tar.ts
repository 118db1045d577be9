/** One file of an archive. Everything not said is root's, and from the epoch, so that equal content has equal bytes. */
export interface TarEntry {
  /** Relative, without a leading `./`; at most 255 bytes. */
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink'
  /** Permission bits. Default 0644 for a file, 0755 for a directory, 0777 for a symlink. */
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** Of a file. */
  readonly content?: Uint8Array | string
  /** Of a symlink. */
  readonly target?: string
}

const blockSize = 512

/** A POSIX ustar archive (IEEE Std 1003.1, pax). */
export function tar(entries: readonly TarEntry[]): Buffer {
  const parts: Uint8Array[] = []
  for (const entry of entries) {
    const content = entry.type === 'file' ? Buffer.from(entry.content ?? '') : Buffer.alloc(0)
    parts.push(header(entry, content.length), content, Buffer.alloc(padding(content.length)))
  }
  parts.push(Buffer.alloc(2 * blockSize))
  return Buffer.concat(parts)
}

const typeFlags = { file: '0', symlink: '2', directory: '5' } as const
const defaultModes = { file: 0o644, symlink: 0o777, directory: 0o755 } as const

function header(entry: TarEntry, size: number): Buffer {
  const block = Buffer.alloc(blockSize)
  const { name, prefix } = splitPath(entry.type === 'directory' ? `${entry.path}/` : entry.path)
  const target = entry.type === 'symlink' ? (entry.target ?? '') : ''
  if (Buffer.byteLength(target) > 100) throw new RangeError(`link target too long for an archive: ${target}`)
  block.write(name, 0)
  block.write(octal(entry.mode ?? defaultModes[entry.type], 8), 100)
  block.write(octal(entry.uid ?? 0, 8), 108)
  block.write(octal(entry.gid ?? 0, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(0, 12), 136)
  block.write('        ', 148)
  block.write(typeFlags[entry.type], 156)
  block.write(target, 157)
  block.write('ustar\u000000', 257)
  block.write(prefix, 345)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

/** A name of up to 100 bytes, and before it a prefix of up to 155. */
function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= 100) return { name: path, prefix: '' }
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const [prefix, name] = [path.slice(0, slash), path.slice(slash + 1)]
    if (Buffer.byteLength(prefix) > 155) break
    if (name && Buffer.byteLength(name) <= 100) return { name, prefix }
  }
  throw new RangeError(`path too long for an archive: ${path}`)
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`
}

function padding(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize
}
