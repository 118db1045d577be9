const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false] as const),
])

/** What Go's strconv.ParseBool takes a text for; undefined where it fails. */
export function parseGoBool(text: string): boolean | undefined {
  return booleans.get(text)
}
