const newline = 10

/**
 * Splits a byte stream into lines, for watches. Bytes are looked at once, and a line's text is made once however many
 * chunks it came in.
 */
export interface LineSplitter {
  /** The lines that `chunk` completes, without their newline; empty lines are left out. */
  push(chunk: Buffer): string[]
  /** Whether bytes of an unfinished line are held. */
  readonly unfinished: boolean
}

export function createLineSplitter(): LineSplitter {
  let parts: Buffer[] = []
  return {
    push(chunk) {
      const lines: string[] = []
      let start = 0
      for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
        const tail = chunk.subarray(start, end)
        const line = (parts.length === 0 ? tail : Buffer.concat([...parts, tail])).toString('utf8')
        if (line !== '') lines.push(line)
        parts = []
        start = end + 1
      }
      if (start < chunk.length) parts.push(start === 0 ? chunk : chunk.subarray(start))
      return lines
    },
    get unfinished() {
      return parts.length > 0
    },
  }
}
