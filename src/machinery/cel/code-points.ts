// oxlint-disable-next-line no-control-regex
const ascii = /^[\0-\x7f]*$/

/** CEL counts code points where JavaScript counts UTF-16 units. */
export function codePointsOf(text: string): readonly string[] {
  return Array.from(text)
}

export function codePointCount(text: string): number {
  if (ascii.test(text)) return text.length
  let count = 0
  for (const _ of text) count++
  return count
}
