/** A value cannot become an object of the type asked for. The message is the one upstream's decoder gives. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DecodeError'
  }
}

/** How Go's encoding/json calls what it found: `string`, `number 1.5`, `bool`, `array`, `object`. */
export function jsonKind(value: unknown, withNumber = false): string {
  switch (typeof value) {
    case 'string':
      return 'string'
    case 'number':
      return withNumber ? `number ${value}` : 'number'
    case 'boolean':
      return 'bool'
    default:
      return Array.isArray(value) ? 'array' : 'object'
  }
}
