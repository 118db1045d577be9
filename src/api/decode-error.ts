/** A value cannot become an object of the type asked for. The message is the one upstream's decoder gives. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DecodeError'
  }
}

/** An integer stands in the text of which JSON.parse keeps only the first digits. */
export class LongIntegerError extends DecodeError {
  constructor(value: number) {
    super(`json: the number ${value} may have lost digits`)
    this.name = 'LongIntegerError'
  }
}

/** How Go's encoding/json calls what it found: `string`, `number 1.5`, `bool`, `array`, `object`. */
export function jsonKind(value: unknown, withNumber = false): string {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'bigint':
    case 'number':
      return withNumber ? `number ${value}` : 'number'
    case 'boolean':
      return 'bool'
    default:
      return Array.isArray(value) ? 'array' : 'object'
  }
}
