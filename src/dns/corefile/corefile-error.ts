/** What is wrong with a Corefile, and in which of its lines. */
export class CorefileError extends Error {
  override readonly name = 'CorefileError'
  constructor(line: number, message: string) {
    super(`Corefile:${line}: ${message}`)
  }
}
