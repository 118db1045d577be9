/**
 * Expands `$(NAME)` in commands, arguments and environment values. `$$` is a literal `$`; a reference to what is not
 * known stays as it is. Semantics of k8s.io/kubernetes third_party/forked/golang/expansion.
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let result = ''
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!
    const next = text[index + 1]
    if (character !== '$' || next === undefined) {
      result += character
      continue
    }
    if (next === '$') {
      result += '$'
      index++
      continue
    }
    const close = next === '(' ? text.indexOf(')', index + 2) : -1
    if (close < 0) {
      result += `$${next}`
      index++
      continue
    }
    const name = text.slice(index + 2, close)
    result += lookup(name) ?? `$(${name})`
    index = close
  }
  return result
}
