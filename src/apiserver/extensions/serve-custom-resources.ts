import type { CustomResources, CustomResourcesOptions } from './custom-resources.ts'

/**
 * Serves custom resources from the first CustomResourceDefinition on; what that takes is loaded then. Resolves when those
 * that there are already are served, with what ends it.
 */
export async function serveCustomResources(options: CustomResourcesOptions): Promise<() => Promise<void>> {
  const { definitions, log } = options
  let serving: Promise<CustomResources> | undefined
  const start = () => {
    unsubscribe()
    serving ??= import('./custom-resources.ts').then((module) => new module.CustomResources(options))
    return serving
  }
  const unsubscribe = definitions.cache.subscribe(() => {
    start().catch((error: unknown) => {
      log.error('serving custom resources failed', { error: String(error) })
    })
  })
  if (definitions.cache.size > 0) await start()
  return async () => {
    unsubscribe()
    const resources = await serving
    await resources?.close()
  }
}
