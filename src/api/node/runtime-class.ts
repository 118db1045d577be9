import { duplicate, invalidFor, path, required, type FieldError } from '../../machinery/field-error.ts'
import { validateLabels } from '../../machinery/validation/labels.ts'
import { dns1123LabelErrors } from '../../machinery/validation/names.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import { validateResources } from '../core/pod/resources-validation.ts'
import { validateTolerations } from '../core/pod/scheduling-validation.ts'
import { internalForm } from '../internal-form.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Toleration } from '../generated/core.v1.ts'
import type { RuntimeClass } from '../generated/node.v1.ts'
import { runtimeClasses } from '../generated/resources.ts'
import { deprecatedNodeLabel } from '../core/node-labels.ts'

export const runtimeClassDefinition: ResourceDefinition<RuntimeClass> = {
  resource: runtimeClasses,
  singular: 'runtimeclass',
  strategy: {
    allowUnconditionalUpdate: false,
    validate: validateRuntimeClass,
    warnings: ({ scheduling }) =>
      Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => {
        const message = deprecatedNodeLabel(key)
        return message ? [`scheduling.nodeSelector: ${message}`] : []
      }),
    validateUpdate: (next, previous) =>
      validateImmutableField(next.handler, previous.handler, path('handler')),
  },
  columns: [
    nameColumn,
    column('Handler', 'What the container runtime calls it.', ({ handler }) => handler),
    ageColumn,
  ],
}

/** Source: kubernetes/pkg/apis/node/validation. */
function validateRuntimeClass({ handler, overhead, scheduling }: RuntimeClass): FieldError[] {
  const handlerAt = path('handler')
  const errors = handler ? invalidFor(handlerAt, handler, dns1123LabelErrors(handler)) : [required(handlerAt)]
  if (overhead?.podFixed) errors.push(...validateResources({ limits: overhead.podFixed }, path('overhead')))
  if (!scheduling) return errors
  const at = path('scheduling')
  const { nodeSelector, tolerations = [] } = scheduling
  if (nodeSelector) errors.push(...validateLabels(nodeSelector, at.child('nodeSelector')))
  errors.push(...validateTolerations(tolerations, at.child('tolerations', 'tolerations')))
  for (const [index, toleration] of tolerations.entries()) {
    const isRepeated = tolerations.slice(0, index).some((other) => isSameTaint(other, toleration))
    if (isRepeated)
      errors.push(
        duplicate(at.child('tolerations').index(index), internalForm('core.v1.Toleration', toleration)),
      )
  }
  return errors
}

/** Whether they tolerate the same, for however long. */
function isSameTaint(one: Toleration, other: Toleration): boolean {
  return (['key', 'operator', 'value', 'effect'] as const).every(
    (name) => (one[name] ?? '') === (other[name] ?? ''),
  )
}
