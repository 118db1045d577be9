import { open, stat } from 'node:fs/promises'

/** A container's log, to be read from anywhere. */
export interface LogFile {
  /** Where something changes when it is written to; `''` for one that does not change. */
  readonly path: string
  /** The bytes at `position`, at most `length`; none at the end. */
  read(position: number, length: number): Promise<Buffer>
  size(): Promise<number>
  /** The file that stands at the path now, when rotation has put another there. */
  successor(): Promise<LogFile | undefined>
  close(): Promise<void>
}

export async function openLogFile(path: string): Promise<LogFile> {
  const file = await open(path, 'r')
  return {
    path,
    async read(position, length) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(length), 0, length, position)
      return buffer.subarray(0, bytesRead)
    },
    size: async () => (await file.stat()).size,
    async successor() {
      const [now, then] = await Promise.all([stat(path).catch(() => undefined), file.stat()])
      return now === undefined || now.ino === then.ino ? undefined : await openLogFile(path)
    },
    close: () => file.close(),
  }
}

/** A log that a runtime keeps in memory. */
export function memoryLogFile(bytes: Uint8Array): LogFile {
  const buffer = Buffer.from(bytes)
  return {
    path: '',
    read: async (position, length) => buffer.subarray(position, position + length),
    size: async () => buffer.length,
    successor: async () => undefined,
    close: async () => {},
  }
}
