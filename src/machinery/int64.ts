const maxInt64 = 2n ** 63n - 1n

/** strconv.ParseInt in base 10: undefined when the text is no integer or does not fit into 64 bits. */
export function parseInt64(text: string): bigint | undefined {
  if (!/^[-+]?[0-9]+$/.test(text)) return undefined
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text)
  return value > maxInt64 || value < -maxInt64 - 1n ? undefined : value
}
