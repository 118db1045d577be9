import type * as selectors from './selector-expressions.ts'

let loaded: typeof selectors | undefined

/** Imports CEL, which clusters without claims do without: before a kind with selectors is written. */
export async function loadSelectors(): Promise<void> {
  loaded ??= await import('./selector-expressions.ts')
}

/** Selectors for those who cannot wait; throws when they have not been loaded. */
export function loadedSelectors(): typeof selectors {
  if (!loaded) throw new Error('selectors of devices have not been loaded')
  return loaded
}
