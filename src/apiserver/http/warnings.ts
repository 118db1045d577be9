/* Characters. Source: k8s.io/apiserver/pkg/endpoints/filters/warning.go. */
const maxTotalLength = 4 * 1024
/** Of each warning, once all of them together have become too long. */
const maxItemLength = 256

/** The Warning headers of one answer: each said once, in order. When they become too long together, each is cut. */
export class Warnings {
  readonly #recorded = new Set<string>()
  #shown: string[] = []
  #length = 0
  #isCutting = false

  add(message: string): void {
    if (message === '' || this.#recorded.has(message)) return
    if (this.#isCutting && this.#length >= maxTotalLength) return
    this.#recorded.add(message)
    // What cannot stand in a header is not said.
    if (/\p{Cc}/u.test(message)) return
    const length = lengthOf(message)
    if (this.#isCutting) return this.#show(cut(message))
    if (this.#length + length <= maxTotalLength) return this.#show(message)
    this.#isCutting = true
    const before = [...this.#shown, message]
    this.#shown = []
    this.#length = 0
    for (const one of before) this.#show(cut(one))
  }

  #show(message: string): void {
    this.#shown.push(message)
    this.#length += lengthOf(message)
  }

  /** As values of the Warning header, one character a byte; undefined when there are none. */
  get headers(): readonly string[] | undefined {
    if (this.#shown.length === 0) return undefined
    return this.#shown.map((message) => `299 - "${quoted(message)}"`)
  }
}

function lengthOf(message: string): number {
  return message.length <= maxItemLength ? message.length : Array.from(message).length
}

function cut(message: string): string {
  return message.length <= maxItemLength ? message : Array.from(message).slice(0, maxItemLength).join('')
}

/** Text within quotes in a header: its bytes in UTF-8, as upstream sends them. */
function quoted(message: string): string {
  return Buffer.from(message.replaceAll(/["\\]/g, String.raw`\$&`)).toString('latin1')
}
