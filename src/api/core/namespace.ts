import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Namespace } from '../generated/core.v1.ts'
import { namespaces } from '../generated/resources.ts'
import {
  forbidden,
  invalid,
  invalidFor,
  path,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { qualifiedNameErrors } from '../../machinery/validation/names.ts'

/** What keeps a namespace until its content is gone. */
const namespaceFinalizer = 'kubernetes'
/** Set on every namespace, so that selectors can name it. */
const namespaceNameLabel = 'kubernetes.io/metadata.name'

export const namespaceDefinition: ResourceDefinition<Namespace> = {
  resource: namespaces,
  singular: 'namespace',
  shortNames: ['ns'],
  strategy: {
    tracksGeneration: false,
    nameRule: 'dns1123Label',
    defaults(namespace) {
      const { name } = namespace.metadata ?? {}
      if (name) namespace.metadata!.labels = { ...namespace.metadata!.labels, [namespaceNameLabel]: name }
    },
    prepareForCreate(namespace) {
      namespace.status = { phase: 'Active' }
      const finalizers = namespace.spec?.finalizers ?? []
      if (!finalizers.includes(namespaceFinalizer))
        namespace.spec = { finalizers: [...finalizers, namespaceFinalizer] }
    },
    prepareForUpdate(namespace, previous) {
      // Only the finalize subresource changes them.
      namespace.spec = { ...namespace.spec, finalizers: [...(previous.spec?.finalizers ?? [])] }
    },
    validate: ({ spec }) => {
      const at = path('spec', 'finalizers')
      return (spec?.finalizers ?? []).flatMap((finalizer) => finalizerErrors(finalizer, at))
    },
    status: { validateUpdate: validateStatusUpdate },
  },
  columns: [
    nameColumn,
    column('Status', 'The status of the namespace', ({ status }) => status?.phase ?? ''),
    ageColumn,
  ],
  selectableFields: ({ metadata, status }) => ({
    name: metadata?.name ?? '',
    'status.phase': status?.phase ?? '',
  }),
}

function validateStatusUpdate(next: Namespace, previous: Namespace): FieldError[] {
  const field = path('status').child('phase')
  const isDeleting = next.metadata?.deletionTimestamp !== undefined
  const phase = next.status?.phase
  if (isDeleting && phase !== 'Terminating') {
    return [forbidden(field, 'may only be `Terminating` if `deletionTimestamp` is not empty')]
  }
  if (!isDeleting && phase !== 'Active' && !jsonEqual(next.status, previous.status)) {
    return [forbidden(field, 'may only be `Active` if `deletionTimestamp` is empty')]
  }
  return []
}

const standardFinalizers = [namespaceFinalizer, 'orphan', 'foregroundDeletion']

function finalizerErrors(finalizer: string, at: FieldPath): FieldError[] {
  const errors = invalidFor(at, finalizer, qualifiedNameErrors(finalizer))
  if (finalizer.includes('/') || standardFinalizers.includes(finalizer)) return errors
  const detail = 'name is neither a standard finalizer name nor is it fully qualified'
  return [...errors, invalid(at, finalizer, detail)]
}
