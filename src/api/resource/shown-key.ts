/** A driver's name, a slash and the name of an attribute or a capacity. */
const maxLength = 63 + 1 + 32

/** The key of an attribute or a capacity in a path: of one that is too long, its beginning and its end. */
export function shownKey(key: string): string {
  if (key.length <= maxLength) return key
  const rest = maxLength - '...'.length
  return `${key.slice(0, Math.ceil(rest / 2))}...${key.slice(key.length - Math.floor(rest / 2))}`
}
