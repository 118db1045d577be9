import type { DeleteOptions } from '../../machinery/meta.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import type { ListPage } from '../storage/list-page.ts'
import { checkDeleteOptions, deleteObject } from './delete.ts'
import type { Registry } from './registry.ts'
import type { ListOptions, RequestScope } from './request.ts'

/** Deletions under way at once: enough for the store to commit them together. */
const concurrency = 32

/** DELETE of all objects that a list would show. Answers with that list. */
export async function deleteCollection(
  registry: Registry,
  scope: RequestScope,
  options: DeleteOptions,
  listOptions: ListOptions,
): Promise<ListPage> {
  checkDeleteOptions(options)
  const page = await registry.list(scope, listOptions)
  const waiting = page.items.values()
  async function deleteSome(): Promise<void> {
    for (const { object } of waiting) {
      scope.signal().throwIfAborted()
      const { name = '', namespace = '' } = object.metadata ?? {}
      await deleteObject(registry, { ...scope, namespace }, name, options).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, deleteSome))
  return page
}
