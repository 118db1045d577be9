import type { Strategy } from '../../api/definition.ts'
import type { CustomResourceSubresourceScale } from '../../api/generated/apiextensions.v1.ts'
import { invalid, type FieldError } from '../../machinery/field-error.ts'
import { goTypeName } from '../../machinery/cel/declaration.ts'
import { goValue } from '../../machinery/go-format.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { internalError } from '../../machinery/status-errors.ts'

/** A value of another type stands at a path of the scale subresource. */
class ScalePathError extends Error {}

const maxInt32 = 2 ** 31 - 1

/** Where a definition says that its replicas are. */
export function scaleRules(scale: CustomResourceSubresourceScale): NonNullable<Strategy['scale']> {
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale
  return {
    path: fieldsOf(specReplicasPath),
    replicas: (object) => numberAt(object, specReplicasPath) ?? 0,
    isSet: (object) => numberAt(object, specReplicasPath) !== undefined,
    withReplicas(object, replicas) {
      setAt(object, fieldsOf(specReplicasPath), replicas)
    },
    statusReplicas: (object) => numberAt(object, statusReplicasPath) ?? 0,
    selector: (object) => (labelSelectorPath ? (textAt(object, labelSelectorPath) ?? '') : ''),
  }
}

/** Source: k8s.io/apiextensions-apiserver/pkg/registry/customresource/validator.go. */
export const scaleErrors = {
  spec: (object: KubernetesObject, { specReplicasPath }: CustomResourceSubresourceScale) =>
    replicasErrors(object, specReplicasPath),

  status(object: KubernetesObject, scale: CustomResourceSubresourceScale): readonly FieldError[] {
    const errors = [...replicasErrors(object, scale.statusReplicasPath)]
    if (scale.labelSelectorPath === undefined) return errors
    try {
      textAt(object, scale.labelSelectorPath)
    } catch (error) {
      if (!(error instanceof ScalePathError)) throw error
      errors.push(invalid(scale.labelSelectorPath, '', error.message))
    }
    return errors
  },
}

function replicasErrors(object: KubernetesObject, path: string): readonly FieldError[] {
  try {
    const replicas = numberAt(object, path) ?? 0
    if (replicas < 0) return [invalid(path, replicas, 'should be a non-negative integer')]
    if (replicas > maxInt32) return [invalid(path, replicas, `should be less than or equal to ${maxInt32}`)]
    return []
  } catch (error) {
    if (error instanceof ScalePathError) return [invalid(path, 0, error.message)]
    throw error
  }
}

function fieldsOf(path: string): readonly string[] {
  return path.replace(/^\./, '').split('.')
}

function numberAt(object: KubernetesObject, path: string): number | undefined {
  return valueAt(object, path, 'int64', (value) => Number.isInteger(value)) as number | undefined
}

function textAt(object: KubernetesObject, path: string): string | undefined {
  return valueAt(object, path, 'string', (value) => typeof value === 'string') as string | undefined
}

function valueAt(
  object: KubernetesObject,
  path: string,
  type: string,
  fits: (value: unknown) => boolean,
): unknown {
  const fields = fieldsOf(path)
  let value: unknown = object
  for (const [index, field] of fields.entries()) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw misfit(fields.slice(0, index), value, 'map[string]interface{}')
    }
    if (!Object.hasOwn(value, field)) return undefined
    value = (value as Record<string, unknown>)[field]
    if (value === null && index < fields.length - 1) return undefined
  }
  if (!fits(value)) throw misfit(fields, value, type)
  return value
}

function misfit(fields: readonly string[], value: unknown, expected: string): ScalePathError {
  return new ScalePathError(
    `.${fields.join('.')} accessor error: ${goValue(value)} is of the type ${goTypeName(value)}, expected ${expected}`,
  )
}

function setAt(object: Writable<KubernetesObject>, fields: readonly string[], value: number): void {
  let holder = object as unknown as Record<string, unknown>
  for (const field of fields.slice(0, -1)) {
    const inner = (holder[field] ??= {})
    if (typeof inner !== 'object' || inner === null) throw internalError(`${field} is no object`)
    holder = inner as Record<string, unknown>
  }
  holder[fields.at(-1)!] = value
}
