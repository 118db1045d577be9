import type { Namespace } from '../../../api/generated/core.v1.ts'
import { invalid, path } from '../../../machinery/field-error.ts'
import { qualifiedNameErrors } from '../../../machinery/validation/names.ts'
import type { Subresource } from '../subresource.ts'
import { keepField, type UpdateRules } from '../update-rules.ts'
import { partOf } from './part-of.ts'

/** Where the namespace controller takes its finalizer off when a namespace is empty. */
export const finalizeSubresource: Subresource = partOf('', 'namespaces', 'finalize', ['update'], () => rules)

const at = path('spec', 'finalizers')

const rules: UpdateRules = {
  prepare: (object, previous) => keepField(object, previous, 'status'),
  validate(object) {
    const finalizers = (object as Namespace).spec?.finalizers ?? []
    return finalizers.flatMap((name) =>
      qualifiedNameErrors(name).map((message) => invalid(at, name, message)),
    )
  },
}
