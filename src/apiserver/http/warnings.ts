/** Longer ones are cut. Source: k8s.io/apiserver/pkg/endpoints/filters/warning.go. */
const maxTotalLength = 4096

/** The Warning headers of one answer: each said once, in order. */
export class Warnings {
  readonly #messages = new Set<string>()
  #length = 0

  add(message: string): void {
    if (message === '' || this.#messages.has(message) || this.#length >= maxTotalLength) return
    this.#messages.add(message)
    this.#length += message.length
  }

  /** As values of the Warning header; undefined when there are none. */
  get headers(): readonly string[] | undefined {
    if (this.#messages.size === 0) return undefined
    return Array.from(this.#messages, (message) => `299 - "${quoted(message)}"`)
  }
}

/** Text within quotes in a header: printable characters only; others become a question mark. */
function quoted(message: string): string {
  return message
    .slice(0, maxTotalLength)
    .replaceAll(/[\r\n\t]+/g, ' ')
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .replaceAll(/["\\]/g, String.raw`\$&`)
}
