import { open } from 'node:fs/promises'
import { parseLogLine } from './log-line.ts'

const newline = 0x0a

/** The last lines of a CRI log, without their timestamps: at most so many lines and bytes. */
export async function readTail(path: string, maximumLines: number, maximumBytes: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    // Every entry carries some 40 bytes beside its content.
    const length = Math.min(size, maximumBytes + maximumLines * 64)
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    const text = buffer.subarray(0, bytesRead)
    const lines: Buffer[] = []
    let start = size > length ? text.indexOf(newline) + 1 : 0
    while (start < text.length) {
      const end = text.indexOf(newline, start)
      const line = parseLogLine(text.subarray(start, end < 0 ? text.length : end))
      if (line) lines.push(line.isPartial ? line.content : Buffer.concat([line.content, Buffer.from('\n')]))
      if (end < 0) break
      start = end + 1
    }
    const tail = Buffer.concat(lines.slice(-maximumLines))
    return tail.subarray(Math.max(0, tail.length - maximumBytes)).toString()
  } finally {
    await file.close()
  }
}
