/** A value of a flag as pflag writes it. `between`: what stands between the names and the values of a map. */
export function flagText(value: unknown, between = '='): string {
  if (Array.isArray(value)) return `[${value.join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([name, one]) => `${name}${between}${one}`)
    .sort()
    .join(',')
}
