import type { CelDeclaration } from '../declaration.ts'
import type { FunctionOverload } from '../library/function.ts'
import type { CelType } from '../types.ts'
import type { CelValue } from '../values/value.ts'

/** What names mean where an expression is compiled. */
export interface CheckScope {
  /** Names are looked up in it and in those around it: `a.b` means `a.b.x`, `a.x`, `x`. Kubernetes has none. */
  readonly container: string
  readonly variables: ReadonlyMap<string, CelDeclaration>
  readonly functions: ReadonlyMap<string, readonly FunctionOverload[]>
  /** A type that the expression may name or make: `int`, `Object.spec`. */
  readonly typeNamed: (name: string) => CelType | undefined
  readonly constants?: ReadonlyMap<string, { readonly type: CelType; readonly value: CelValue }>
}

/** What a name may mean, the innermost first. */
export function candidateNames(container: string, name: string): string[] {
  if (name.startsWith('.')) return [name.slice(1)]
  const candidates: string[] = []
  for (let outer = container; outer !== ''; outer = outer.slice(0, Math.max(0, outer.lastIndexOf('.')))) {
    candidates.push(`${outer}.${name}`)
  }
  return [...candidates, name]
}
