/** A selector that cannot be read; worded as upstream. The API server answers it with 400 Bad Request. */
export class SelectorError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SelectorError'
  }
}
