import type { Column, VersionRules } from '../../api/definition.ts'
import { nameColumn } from '../../api/columns.ts'
import type { KubernetesObject, ListMeta, ObjectMeta } from '../../machinery/meta.ts'

/** How much of each object stands beside its row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

export interface TableOptions {
  readonly includeObject: IncludeObject
  /** `v1` or `v1beta1` of meta.k8s.io. */
  readonly version: string
  /** Milliseconds since the epoch, for ages. */
  readonly now: number
}

/** meta/v1 Table: objects as `kubectl get` shows them. */
export interface Table extends KubernetesObject {
  readonly metadata: ListMeta
  readonly columnDefinitions: readonly ColumnDefinition[]
  readonly rows: readonly TableRow[]
}

export interface ColumnDefinition {
  readonly name: string
  readonly type: string
  readonly format: string
  readonly description: string
  readonly priority: number
}

export interface TableRow {
  readonly cells: readonly (string | number | bigint | boolean | null)[]
  readonly object?: KubernetesObject
}

/** What kinds without columns of their own show. */
const defaultColumns: readonly Column[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'date',
    description: 'When the object was created, by the clock of the server.',
    cell: (object) => object.metadata?.creationTimestamp ?? null,
  },
]

/** A table of some objects. `headers` off leaves out the column definitions: after the first event of a watch. */
export function renderTable(
  definition: Pick<VersionRules, 'columns'>,
  objects: readonly KubernetesObject[],
  metadata: ListMeta,
  options: TableOptions,
  headers = true,
): Table {
  const columns = columnsOf(definition)
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: headers ? columns.map(columnDefinition) : [],
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, options.now)),
      ...attached(object, options),
    })),
  }
}

/** The table of a bookmark: a row without content, whose object carries the resourceVersion. */
export function renderBookmarkTable(
  definition: Pick<VersionRules, 'columns'>,
  metadata: ObjectMeta,
  { version }: TableOptions,
  headers: boolean,
): Table {
  const columns = columnsOf(definition)
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: { resourceVersion: metadata.resourceVersion ?? '' },
    columnDefinitions: headers ? columns.map(columnDefinition) : [],
    rows: [{ cells: columns.map(() => null), object: partialObject(metadata, version) }],
  }
}

/** The metadata of an object alone, as an object of its own kind. */
export function partialObject(metadata: ObjectMeta | undefined, version: string): KubernetesObject {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${version}`,
    ...(metadata && { metadata }),
  }
}

function columnsOf(definition: Pick<VersionRules, 'columns'>): readonly Column[] {
  return definition.columns ?? defaultColumns
}

function columnDefinition({ name, type, format = '', description, priority = 0 }: Column): ColumnDefinition {
  return { name, type, format, description, priority }
}

function attached(
  object: KubernetesObject,
  { includeObject, version }: TableOptions,
): Pick<TableRow, 'object'> {
  switch (includeObject) {
    case 'None':
      return {}
    case 'Metadata':
      return { object: partialObject(object.metadata, version) }
    case 'Object':
      return { object }
  }
}
