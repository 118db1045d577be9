import type * as expressions from './expressions.ts'

type Expressions = typeof expressions

let loaded: Expressions | undefined

/** Imports CEL, which clusters without expressions do without. Before `loadedExpressions`. */
export async function loadExpressions(): Promise<void> {
  loaded ??= await import('./expressions.ts')
}

/** CEL for those who cannot wait; throws when it has not been loaded. */
export function loadedExpressions(): Expressions {
  if (!loaded) throw new Error('CEL has not been loaded')
  return loaded
}
