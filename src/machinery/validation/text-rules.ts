/** Wording shared by the rules for names and the like. */

/** Longer than `maxBytes` in UTF-8. */
export function exceedsBytes(text: string, maxBytes: number): boolean {
  return text.length > maxBytes || (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)
}

export function maxCharactersMessage(maxLength: number): string {
  return `must be no more than ${maxLength} characters`
}

export function maxBytesMessage(maxLength: number): string {
  return `must be no more than ${maxLength} bytes`
}

export function rangeMessage(min: number, max: number): string {
  return `must be between ${min} and ${max}, inclusive`
}

export const emptyMessage = 'must be non-empty'

/** `message (e.g. 'a',  or 'b', regex used for validation is '...')`: upstream's commas are kept. */
export function regexMessage(message: string, regex: string, ...examples: readonly string[]): string {
  const listed = examples.map((example) => `'${example}', `).join(' or ')
  return examples.length === 0
    ? `${message} (regex used for validation is '${regex}')`
    : `${message} (e.g. ${listed}regex used for validation is '${regex}')`
}
