import type { GroupVersionKind } from '../../machinery/meta.ts'
import { schemaOf } from '../scheme.ts'

export interface ApiParameter {
  readonly name: string
  readonly in: 'path' | 'query'
  readonly type: 'string' | 'integer' | 'boolean'
  readonly required?: boolean
  readonly description?: string
}

function query(name: string, type: ApiParameter['type'], description: string): ApiParameter {
  return { name, in: 'query', type, description }
}

const pretty = query('pretty', 'string', 'Whether to indent the response for reading.')
const dryRun = query('dryRun', 'string', 'With the value All, nothing is stored.')
const fieldManager = query(
  'fieldManager',
  'string',
  'The name of the actor or program that owns the fields which this request sets.',
)
const fieldValidation = query(
  'fieldValidation',
  'string',
  'What to do about unknown and duplicate fields: Ignore, Warn or Strict.',
)
const force = query('force', 'boolean', 'In an apply patch, takes over fields that others own.')

const selection = [
  query('continue', 'string', 'The token of the previous response, to go on after it.'),
  query('fieldSelector', 'string', 'Selects objects by their fields.'),
  query('labelSelector', 'string', 'Selects objects by their labels.'),
  query('limit', 'integer', 'The largest number of objects in one response.'),
  query('resourceVersion', 'string', 'From which resource version on the request may be answered.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion applies to a list: Exact or NotOlderThan.'),
  query('sendInitialEvents', 'boolean', 'Begins a watch with the objects that there are.'),
  query('timeoutSeconds', 'integer', 'When to end a list or watch, in seconds, however busy it is.'),
]

export const listParameters: readonly ApiParameter[] = [
  query('allowWatchBookmarks', 'boolean', 'Asks for events of type BOOKMARK.'),
  ...selection,
  query('watch', 'boolean', 'Streams changes instead of a list.'),
]

const deletion = [
  query('gracePeriodSeconds', 'integer', 'How long to wait before the object is gone, in seconds.'),
  query(
    'ignoreStoreReadErrorWithClusterBreakingPotential',
    'boolean',
    'Deletes an object even though it cannot be read. Can break the cluster.',
  ),
  query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'),
  query('propagationPolicy', 'string', 'What happens to dependents: Orphan, Background or Foreground.'),
]

export const deleteParameters: readonly ApiParameter[] = [dryRun, ...deletion]
export const deleteCollectionParameters: readonly ApiParameter[] = [dryRun, ...deletion, ...selection]
export const writeParameters: readonly ApiParameter[] = [dryRun, fieldManager, fieldValidation]
export const patchParameters: readonly ApiParameter[] = [...writeParameters, force]
export const commonParameters: readonly ApiParameter[] = [pretty]

/** Path parameters that the segments of a path in braces stand for. */
export function pathParameters(path: string, kind: string): ApiParameter[] {
  const descriptions: Readonly<Record<string, string>> = {
    name: `name of the ${kind}`,
    namespace: 'the namespace that the object is in',
    path: 'path to the resource',
  }
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    type: 'string',
    required: true,
    ...(descriptions[name] && { description: descriptions[name] }),
  }))
}

/** The fields of options that come as a query: PodExecOptions and the like. */
export function optionParameters(kind: GroupVersionKind): ApiParameter[] {
  const fields = Object.entries(schemaOf(kind)?.fields ?? {})
  return fields.flatMap(([name, { schema }]): ApiParameter[] => {
    const { type } = schema.type === 'list' ? schema.items : schema
    if (name === 'kind' || name === 'apiVersion') return []
    if (type === 'string' || type === 'integer' || type === 'boolean') return [{ name, in: 'query', type }]
    // Times are accepted but, as upstream, not announced.
    return []
  })
}
