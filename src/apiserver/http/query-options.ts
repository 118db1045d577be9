import { goQuote } from '../../machinery/go-format.ts'
import type { DeleteOptions } from '../../machinery/meta.ts'
import { badRequest } from '../../machinery/status-errors.ts'
import type { ListOptions, PatchOptions, WriteOptions } from '../registry/request.ts'
import { isTrue } from './parse-request-info.ts'

/*
 * Options in query strings, read as leniently as upstream's parameter codec does: names that are not known are ignored.
 */

export function readListOptions(query: URLSearchParams): ListOptions {
  return withoutUndefined({
    labelSelector: text(query, 'labelSelector'),
    fieldSelector: text(query, 'fieldSelector'),
    limit: integer(query, 'limit'),
    continue: text(query, 'continue'),
    resourceVersion: text(query, 'resourceVersion'),
    resourceVersionMatch: text(query, 'resourceVersionMatch'),
    allowWatchBookmarks: flag(query, 'allowWatchBookmarks'),
    sendInitialEvents: flag(query, 'sendInitialEvents'),
    timeoutSeconds: integer(query, 'timeoutSeconds'),
  })
}

export function readWriteOptions(query: URLSearchParams): WriteOptions {
  return withoutUndefined({
    dryRun: list(query, 'dryRun'),
    fieldManager: text(query, 'fieldManager'),
    fieldValidation: text(query, 'fieldValidation'),
  })
}

export function readPatchOptions(query: URLSearchParams): PatchOptions {
  return withoutUndefined({ ...readWriteOptions(query), force: flag(query, 'force') })
}

export function readDeleteOptions(query: URLSearchParams): DeleteOptions {
  const ignoresReadError = flag(query, 'ignoreStoreReadErrorWithClusterBreakingPotential')
  return withoutUndefined({
    gracePeriodSeconds: integer(query, 'gracePeriodSeconds'),
    orphanDependents: flag(query, 'orphanDependents'),
    propagationPolicy: text(query, 'propagationPolicy') as DeleteOptions['propagationPolicy'],
    dryRun: list(query, 'dryRun'),
    ignoreStoreReadErrorWithClusterBreakingPotential: ignoresReadError,
  })
}

type Defined<T> = { readonly [Key in keyof T]?: Exclude<T[Key], undefined> }

function withoutUndefined<T extends object>(options: T): Defined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>
}

function text(query: URLSearchParams, name: string): string | undefined {
  return query.get(name) || undefined
}

function list(query: URLSearchParams, name: string): readonly string[] | undefined {
  const values = query.getAll(name)
  return values.length > 0 ? values : undefined
}

function flag(query: URLSearchParams, name: string): boolean | undefined {
  return query.has(name) ? isTrue(query.get(name)) : undefined
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name)
  if (!value) return undefined
  if (!/^[+-]?\d+$/.test(value)) {
    throw badRequest(`strconv.ParseInt: parsing ${goQuote(value)}: invalid syntax`)
  }
  return Number(value)
}
