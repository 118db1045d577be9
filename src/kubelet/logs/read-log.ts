import { watch } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../../machinery/clock.ts'
import { parseTime } from '../../machinery/time.ts'
import { parseLogLine } from './log-line.ts'
import type { LogFile } from './log-file.ts'

export interface LogOptions {
  /** Go on with what is written later, as long as the container runs. */
  readonly follow: boolean
  /** Only the last lines. */
  readonly tailLines?: number
  /** Only lines from this time on: milliseconds since the epoch. */
  readonly sinceMs?: number
  /** Each line begins with when it was written. */
  readonly timestamps: boolean
  /** No more than this. */
  readonly limitBytes?: number
  readonly stream: 'All' | 'Stdout' | 'Stderr'
}

export interface LogSource {
  /** Closed at the end. */
  readonly file: LogFile
  /** Lines of text without CRI's prefixes. */
  readonly isPlain: boolean
  /** Whether more may still be written. */
  isRunning(): boolean
}

/** Takes a piece of the log; resolves when it can take more. */
export type LogSink = (data: Uint8Array) => Promise<void>

const chunkBytes = 64 * 1024
/** Lines longer than CRI's entries do not come up; plain ones are cut here. */
const maximumLineBytes = 1 << 20
const pollMs = 1000
const newline = 0x0a
const lineEnd = Buffer.from('\n')

/** Writes a container's log to `sink`, until its end, the limit, or the signal. Across rotations when following. */
export async function readLog(
  source: LogSource,
  options: LogOptions,
  clock: Clock,
  sink: LogSink,
  signal: AbortSignal,
): Promise<void> {
  let { file } = source
  try {
    const writer = lineWriter(source, options, sink)
    let position = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines)
    let rest: Buffer = Buffer.alloc(0)
    while (!signal.aborted) {
      // Asked before reading: what was written until then is read.
      const isLast = !options.follow || !source.isRunning()
      const read = await file.read(position, chunkBytes)
      position += read.length
      if (read.length > 0) {
        rest = await writeLines(Buffer.concat([rest, read]), writer)
        if (writer.isFull) return
        continue
      }
      const successor = options.follow ? await file.successor() : undefined
      if (successor) {
        await file.close()
        file = successor
        position = 0
        continue
      }
      if (isLast) break
      await change(file.path, clock, signal)
    }
    if (rest.length > 0 && source.isPlain) await writer.write(rest, false)
  } finally {
    await file.close()
  }
}

/** Resolves with what is no whole line yet. */
async function writeLines(data: Buffer, writer: LineWriter): Promise<Buffer> {
  let start = 0
  for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, start)) {
    await writer.write(data.subarray(start, end), true)
    start = end + 1
    if (writer.isFull) return Buffer.alloc(0)
  }
  await writer.flush()
  const rest = data.subarray(start)
  return rest.length > maximumLineBytes ? Buffer.alloc(0) : rest
}

interface LineWriter {
  write(line: Buffer, isWhole: boolean): Promise<void>
  flush(): Promise<void>
  readonly isFull: boolean
}

function lineWriter(source: LogSource, options: LogOptions, sink: LogSink): LineWriter {
  let left = options.limitBytes ?? Infinity
  let pending: Uint8Array[] = []
  let pendingBytes = 0

  async function put(data: Uint8Array): Promise<void> {
    const part = data.length > left ? data.subarray(0, left) : data
    left -= part.length
    pending.push(part)
    pendingBytes += part.length
    if (pendingBytes >= chunkBytes || left === 0) await flush()
  }

  async function flush(): Promise<void> {
    if (pendingBytes === 0) return
    const data = Buffer.concat(pending)
    pending = []
    pendingBytes = 0
    await sink(data)
  }

  return {
    get isFull() {
      return left === 0
    },
    flush,
    async write(bytes, isWhole) {
      if (source.isPlain) {
        await put(bytes)
        if (isWhole) await put(lineEnd)
        if (!isWhole) await flush()
        return
      }
      const line = parseLogLine(bytes)
      if (line === undefined) return
      if (options.stream !== 'All' && options.stream.toLowerCase() !== line.stream) return
      if (options.sinceMs !== undefined && (parseTime(line.timestamp) ?? 0) < options.sinceMs) return
      if (options.timestamps) await put(Buffer.from(`${line.timestamp} `))
      await put(line.content)
      if (!line.isPartial) await put(lineEnd)
    },
  }
}

/** Where the last so many lines begin. */
async function tailStart(file: LogFile, lines: number): Promise<number> {
  const size = await file.size()
  if (lines === 0) return size
  let found = 0
  let position = size
  let isLastByte = true
  while (position > 0) {
    const length = Math.min(chunkBytes, position)
    position -= length
    const buffer = await file.read(position, length)
    for (let index = length - 1; index >= 0; index--) {
      const isEnd = buffer[index] === newline
      // A newline at the very end ends the last line; it does not begin another.
      if (isEnd && !isLastByte && ++found === lines) return position + index + 1
      isLastByte = false
    }
  }
  return 0
}

/** Resolves when something may have been written, or a second has passed. */
function change(path: string, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      cancel()
      watcher?.close()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(pollMs, done)
    signal.addEventListener('abort', done, { once: true })
    const watcher = watchDirectory(dirname(path), done)
  })
}

function watchDirectory(directory: string, onChange: () => void) {
  try {
    const watcher = watch(directory, onChange)
    watcher.on('error', onChange)
    return watcher
  } catch {
    // No watches to be had: the poll goes on.
    return undefined
  }
}
