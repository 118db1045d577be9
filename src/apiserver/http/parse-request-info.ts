import { pathSegmentNameErrors } from '../../machinery/validation/names.ts'
import { parseFieldSelector, requiredFieldValue } from '../../machinery/field-selector.ts'
import { SelectorError } from '../../machinery/selector-error.ts'
import type { RequestInfo } from '../request-info.ts'

const pathVerbs: ReadonlySet<string> = new Set(['proxy', 'watch'])
const verbsWithoutSubresources: ReadonlySet<string> = new Set(['proxy'])
const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize'])
const verbsWithSelectors: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection'])

const verbOfMethod: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}

/** Reads what a request asks for off its line. Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go. */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const segments = splitPath(path)
  const isGroupless = segments[0] === 'api'
  if (!(isGroupless && segments.length >= 3) && !(segments[0] === 'apis' && segments.length >= 4)) {
    return { ...noResource, path, verb: method.toLowerCase(), apiPrefix: prefixOf(segments) }
  }
  const [group, version, ...rest] = isGroupless ? ['', ...segments.slice(1)] : segments.slice(1)
  let parts = rest
  // HTTP/2 lets a method be any word, `constructor` too.
  let verb = Object.hasOwn(verbOfMethod, method) ? verbOfMethod[method]! : ''
  const verbInPath = pathVerbs.has(parts[0]!)
  if (verbInPath && parts.length >= 2) {
    verb = parts[0]!
    parts = parts.slice(1)
  }
  let namespace = ''
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1]!
    if (parts.length > 2 && !namespaceSubresources.has(parts[2]!)) parts = parts.slice(2)
  }
  const [resource = '', name = '', subresource = ''] = parts
  const info = {
    isResourceRequest: true,
    path,
    verb,
    apiPrefix: segments[0]!,
    group: group!,
    version: version!,
    namespace,
    resource,
    subresource: verbsWithoutSubresources.has(verb) ? '' : subresource,
    name,
    parts,
  }
  return withoutName(info, query, verbInPath)
}

/** A request that names no object is about a collection, or about one object by a selector. */
function withoutName(info: RequestInfo, query: URLSearchParams, verbInPath: boolean): RequestInfo {
  let { verb, name } = info
  if (name === '' && verb === 'get') {
    verb = isTrue(query.get('watch')) ? 'watch' : 'list'
    name = nameInSelector(query.get('fieldSelector'))
  }
  if (name === '' && verb === 'delete') verb = 'deletecollection'
  if (verbInPath || !verbsWithSelectors.has(verb)) return { ...info, verb, name }
  const fieldSelector = query.get('fieldSelector')
  const labelSelector = query.get('labelSelector')
  return {
    ...info,
    verb,
    name,
    ...(fieldSelector && { fieldSelector }),
    ...(labelSelector && { labelSelector }),
  }
}

function nameInSelector(selector: string | null): string {
  if (!selector) return ''
  try {
    const name = requiredFieldValue(parseFieldSelector(selector), 'metadata.name') ?? ''
    return pathSegmentNameErrors(name).length === 0 ? name : ''
  } catch (error) {
    // Whoever carries out the request says what is wrong with the selector.
    if (error instanceof SelectorError) return ''
    throw error
  }
}

/** A flag in a query: there, and neither `false` nor `0`. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}

const noResource = {
  isResourceRequest: false,
  group: '',
  version: '',
  namespace: '',
  resource: '',
  subresource: '',
  name: '',
  parts: [],
} satisfies Partial<RequestInfo>

function prefixOf(segments: readonly string[]): string {
  const [prefix = ''] = segments
  return (prefix === 'api' && segments.length >= 3) || (prefix === 'apis' && segments.length >= 3)
    ? prefix
    : ''
}

function splitPath(path: string): string[] {
  let start = 0
  let end = path.length
  while (path[start] === '/') start++
  while (end > start && path[end - 1] === '/') end--
  return start === end ? [] : path.slice(start, end).split('/')
}
