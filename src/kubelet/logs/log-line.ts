/** One line of a container's log, in CRI's format: `<RFC 3339 nanoseconds> <stdout|stderr> <F|P> <content>`. */
export interface LogLine {
  /** As written, with nanoseconds and offset. */
  readonly timestamp: string
  readonly stream: 'stdout' | 'stderr'
  /** The line was too long for one entry and goes on in the next. */
  readonly isPartial: boolean
  /** Without the newline. */
  readonly content: Buffer
}

const space = 0x20

/** Undefined for what is no log line. `line` is without its newline. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(space)
  const second = line.indexOf(space, first + 1)
  if (first < 0 || second < 0) return undefined
  const third = line.indexOf(space, second + 1)
  const stream = line.toString('latin1', first + 1, second)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  const tags = line.toString('latin1', second + 1, third < 0 ? line.length : third)
  return {
    timestamp: line.toString('latin1', 0, first),
    stream,
    isPartial: tags.split(':')[0] === 'P',
    content: third < 0 ? Buffer.alloc(0) : line.subarray(third + 1),
  }
}
