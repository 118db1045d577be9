/** Which port of what, in the name of a proxy request: `https:web:443`. */
export interface SchemeNamePort {
  /** `''`, `http` or `https`. */
  readonly scheme: string
  readonly name: string
  /** `''`, a number or a name. */
  readonly port: string
}

/** Source: k8s.io/apimachinery/pkg/util/net, SplitSchemeNamePort. Undefined when it is none. */
export function parseSchemeNamePort(text: string): SchemeNamePort | undefined {
  const parts = text.split(':')
  switch (parts.length) {
    case 1:
      return named({ scheme: '', name: parts[0]!, port: '' })
    case 2:
      return named({ scheme: '', name: parts[0]!, port: parts[1]! })
    case 3:
      return parts[0] === '' || parts[0] === 'http' || parts[0] === 'https'
        ? named({ scheme: parts[0], name: parts[1]!, port: parts[2]! })
        : undefined
    default:
      return undefined
  }
}

function named(parts: SchemeNamePort): SchemeNamePort | undefined {
  return parts.name === '' ? undefined : parts
}
