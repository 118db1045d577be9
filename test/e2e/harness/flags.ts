/** `--name value` for each entry, as often as it has values. */
export function flags(values: Readonly<Record<string, string | readonly string[]>>): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => [`--${name}`, one]),
  )
}
