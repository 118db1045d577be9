import type { KubernetesObject } from '../../machinery/meta.ts'
import { expired } from '../../machinery/status-errors.ts'
import { StoreError } from '../../store/store.ts'
import { encodeContinue } from './continue-token.ts'
import type { EventLog } from './event-log.ts'
import type { ListQuery } from './list-query.ts'
import { isSelected, isWholeNamespace, keyPrefix, type Selection } from './selection.ts'
import type { SortedMap } from './sorted-map.ts'
import type { StoredObject } from './stored-object.ts'

/** One page of a list, or all of it. */
export interface ListPage<T extends KubernetesObject = KubernetesObject> {
  readonly items: readonly StoredObject<T>[]
  readonly revision: bigint
  /** Where the next page starts; absent on the last. */
  readonly continue?: string
  /** How many objects the next pages hold; only known without selectors. */
  readonly remainingItemCount?: number
}

const continueExpired =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted ' +
  'between the time the first chunk was returned and now may show up in the list.'
const listExpired = 'The resourceVersion for the provided list is too old.'

/** A page of the state at `revision`, which is what `objects` holds; and how many objects were looked at. */
export function listCurrent<T extends KubernetesObject>(
  objects: SortedMap<StoredObject<T>>,
  selection: Selection,
  { startKey, limit }: ListQuery,
  revision: bigint,
): { readonly page: ListPage<T>; readonly fetched: number } {
  const prefix = keyPrefix(selection)
  const isWhole = isWholeNamespace(selection)
  const items: StoredObject<T>[] = []
  let nextKey: string | undefined
  let fetched = 0
  objects.visit(prefix, startKey, (stored, key) => {
    fetched++
    if (limit > 0 && items.length === limit) {
      nextKey = key
      return false
    }
    if (isWhole || isSelected(selection, stored)) items.push(stored)
    return true
  })
  if (nextKey === undefined) return { page: { items, revision }, fetched }
  const remaining = isWhole ? objects.count(prefix, nextKey) : undefined
  return { page: pageOf(items, revision, prefix, remaining), fetched }
}

/** A page of the state at an earlier revision: what `objects` holds with the later changes taken back. */
export function listPast<T extends KubernetesObject>(
  objects: SortedMap<StoredObject<T>>,
  log: EventLog<T>,
  selection: Selection,
  query: ListQuery,
  revision: bigint,
): ListPage<T> {
  const prefix = keyPrefix(selection)
  const was = new Map<string, StoredObject<T> | undefined>()
  log.backTo(revision, (event) => void was.set(event.key, event.previous))
  const found = new Map<string, StoredObject<T>>()
  objects.visit(prefix, query.startKey, (stored, key) => {
    const then = was.has(key) ? was.get(key) : stored
    if (then) found.set(key, then)
  })
  let keys = [...found.keys()]
  for (const [key, then] of was) {
    if (!then || found.has(key) || !key.startsWith(prefix) || key < query.startKey) continue
    found.set(key, then)
    keys.push(key)
  }
  if (found.size > 0) keys = keys.sort()
  const past = keys.map((key) => found.get(key)!)
  return firstPage(past, selection, query, revision)
}

/** The first page of `objects`, which are all that are left, in key order. */
export function firstPage<T extends KubernetesObject>(
  objects: readonly StoredObject<T>[],
  selection: Selection,
  query: ListQuery,
  revision: bigint,
): ListPage<T> {
  const selected = objects.filter((stored) => isSelected(selection, stored))
  return cutPage(selected, selection, query, revision)
}

/** The first page of the objects that are selected, in key order. */
export function cutPage<T extends KubernetesObject>(
  selected: readonly StoredObject<T>[],
  selection: Selection,
  query: ListQuery,
  revision: bigint,
): ListPage<T> {
  if (query.limit === 0 || selected.length <= query.limit) return { items: selected, revision }
  const remaining = isWholeNamespace(selection) ? selected.length - query.limit : undefined
  return pageOf(selected.slice(0, query.limit), revision, keyPrefix(selection), remaining)
}

function pageOf<T extends KubernetesObject>(
  items: readonly StoredObject<T>[],
  revision: bigint,
  prefix: string,
  remainingItemCount: number | undefined,
): ListPage<T> {
  const startKey = `${items.at(-1)!.key.slice(prefix.length)}\0`
  return {
    items,
    revision,
    continue: encodeContinue({ revision, startKey }),
    ...(remainingItemCount !== undefined && { remainingItemCount }),
  }
}

/** What a client is told when the state that it wants to list is gone. */
export function interpretListError(error: unknown, query: ListQuery, prefix: string): unknown {
  if (!(error instanceof StoreError) || error.reason !== 'compacted') return error
  if (!query.paging) return expired(listExpired)
  const failure = expired(continueExpired)
  const token = encodeContinue({ revision: undefined, startKey: query.startKey.slice(prefix.length) })
  Object.assign(failure.status, { metadata: { continue: token } })
  return failure
}
