/** Words of the language; a field with such a name is written `__name__`. */
export const reservedWords: ReadonlySet<string> = new Set([
  'true',
  'false',
  'null',
  'in',
  'as',
  'break',
  'const',
  'continue',
  'else',
  'for',
  'function',
  'if',
  'import',
  'let',
  'loop',
  'package',
  'namespace',
  'return',
  'var',
  'void',
  'while',
])

const escapes: Readonly<Record<string, string>> = {
  __: '__underscores__',
  '.': '__dot__',
  '-': '__dash__',
  '/': '__slash__',
}

const unescapes: ReadonlyMap<string, string> = new Map(
  Object.entries(escapes).map(([plain, escaped]) => [escaped, plain]),
)

/** Inverse of escapeFieldName; a name without escapes is itself. Undefined for escapes that there are not. */
export function unescapeFieldName(name: string): string | undefined {
  let isValid = true
  const plain = name.replace(/__([^_]+)__/g, (escaped, word: string) => {
    const found = unescapes.get(escaped)
    if (found !== undefined) return found
    if (!reservedWords.has(word) || escaped.length !== name.length) isValid = false
    return word
  })
  return isValid ? plain : undefined
}

/**
 * A field's name as CEL writes it: `foo-bar` is `foo__dash__bar`, `namespace` is `__namespace__`. Undefined for names
 * that CEL cannot say. Source: k8s.io/apiserver/pkg/cel/escaping.go.
 */
export function escapeFieldName(name: string): string | undefined {
  if (reservedWords.has(name)) return `__${name}__`
  if (!/^[a-zA-Z_./-][a-zA-Z0-9_./-]*$/.test(name)) return undefined
  return name.replace(/__|[-./]/g, (character) => escapes[character]!)
}
