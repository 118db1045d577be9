/**
 * Labels as a selector that asks for nothing else: `a=b,c=d`. Throws an Error in upstream's words where it is more than
 * that. Source: k8s.io/apimachinery/pkg/labels, ConvertSelectorToLabelsMap.
 */
export function parseEqualities(selector: string): Readonly<Record<string, string>> {
  if (selector === '') return {}
  const entries = selector.split(',').map((part): [string, string] => {
    const pieces = part.split('=')
    if (pieces.length !== 2) throw new Error(`invalid selector: [${pieces.join(' ')}]`)
    return [pieces[0]!.trim(), pieces[1]!.trim()]
  })
  return Object.fromEntries(entries)
}

/** Whether each of `labels` is one of `allowed`. */
export function matchesEqualities(
  labels: Readonly<Record<string, string>>,
  allowed: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(labels).every(([key, value]) => allowed[key] === value)
}
