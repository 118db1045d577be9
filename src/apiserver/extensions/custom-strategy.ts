import { Correlation } from '../../api/apiextensions/correlation.ts'
import { validateEmbeddedObjects } from '../../api/apiextensions/embedded-objects.ts'
import { validateLists } from '../../api/apiextensions/list-validation.ts'
import { RuleSet } from '../../api/apiextensions/rule-set.ts'
import { propertySchema } from '../../api/apiextensions/schema-walk.ts'
import { validateValue } from '../../api/apiextensions/value-validator.ts'
import type { Strategy } from '../../api/definition.ts'
import type { CustomResourceSubresources, JSONSchemaProps } from '../../api/generated/apiextensions.v1.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { fieldErrorText, invalid, type FieldError } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { KubernetesObject, ObjectMeta, Writable } from '../../machinery/meta.ts'
import type { StatusError } from '../../machinery/status.ts'
import { qualifiedNameErrors } from '../../machinery/validation/names.ts'
import { scaleErrors, scaleRules } from './custom-scale.ts'

export interface CustomStrategyOptions {
  readonly subresources: CustomResourceSubresources | undefined
  /** The schema; undefined when anything goes. */
  props(): JSONSchemaProps | undefined
  /** Why no object may be created, if there is a reason. */
  refuseCreate(name: string): StatusError | undefined
}

type Content = Record<string, unknown>

/** The rules of one version of a custom resource. Source: apiextensions-apiserver/pkg/registry/customresource/strategy.go. */
export function customStrategy({ subresources, props, refuseCreate }: CustomStrategyOptions): Strategy {
  const { status, scale } = subresources ?? {}
  const rules = once(() => {
    const schema = props()
    return schema && RuleSet.of(schema, { isResourceRoot: true })
  })
  /** Faults that were there before, for the warnings of the same update. */
  const tolerated = new WeakMap<KubernetesObject, readonly FieldError[]>()

  function validate(object: KubernetesObject): readonly FieldError[] {
    const schema = props()
    const scaling = scale ? [...scaleErrors.spec(object, scale), ...scaleErrors.status(object, scale)] : []
    if (!schema) return scaling
    const errors = [
      ...validateValue(object, schema),
      ...scaling,
      ...validateEmbeddedObjects(object, withoutEmbeddedRoot(schema)),
      ...validateLists(object, schema),
    ]
    return [...errors, ...ruleErrors(errors, object, undefined, undefined)]
  }

  function validateUpdate(object: KubernetesObject, previous: KubernetesObject): readonly FieldError[] {
    const schema = props()
    const scaling = scale ? [...scaleErrors.spec(object, scale), ...scaleErrors.status(object, scale)] : []
    if (!schema) return scaling
    const correlation = new Correlation(object, previous, schema)
    const errors = [
      ...validateValue(object, schema, { correlation }),
      ...scaling,
      ...validateEmbeddedObjects(object, withoutEmbeddedRoot(schema)),
      ...listErrors(object, previous, schema),
    ]
    return [...errors, ...ruleErrors(errors, object, previous, correlation)]
  }

  function validateStatusUpdate(object: KubernetesObject, previous: KubernetesObject): readonly FieldError[] {
    const schema = props()
    const scaling = scale ? scaleErrors.status(object, scale) : []
    if (!schema) return scaling
    const correlation = new Correlation(object, previous, schema)
    const statusSchema = propertySchema(schema, 'status')
    const { status: value } = object as Content
    const faults =
      statusSchema && value !== undefined
        ? validateValue(value, statusSchema, { at: 'status', correlation: correlation.key('status') })
        : []
    const errors = [...faults, ...scaling, ...listErrors(object, previous, schema)]
    return [...errors, ...ruleErrors(errors, object, previous, correlation)]
  }

  function ruleErrors(
    errors: readonly FieldError[],
    object: KubernetesObject,
    previous: KubernetesObject | undefined,
    correlation: Correlation | undefined,
  ): readonly FieldError[] {
    const set = rules()
    if (!set) return []
    if (errors.some(({ type }) => blocking.has(type))) {
      const detail =
        'some validation rules were not checked because the object was invalid; correct the existing errors to ' +
        'complete validation'
      return [invalid(undefined, null, detail)]
    }
    const outcome = set.validate(object, previous, correlation ? { correlation } : {})
    if (outcome.warnings.length > 0) tolerated.set(object, outcome.warnings)
    return outcome.errors
  }

  return {
    tracksGeneration: false,
    allowUnconditionalUpdate: false,
    validatesUpdateAlone: true,
    prepareForCreate(object) {
      const refusal = refuseCreate(object.metadata?.name ?? '')
      if (refusal) throw refusal
      metadataOf(object).generation = 1
    },
    prepareForUpdate(object, previous) {
      if (jsonEqual(contentOf(object), contentOf(previous))) return
      metadataOf(object).generation = (previous.metadata?.generation ?? 0) + 1
    },
    validate,
    validateUpdate,
    warnings: (object, previous) => [
      ...(tolerated.get(object) ?? []).map(fieldErrorText),
      ...finalizerWarnings(object, previous),
    ],
    ...(status && {
      status: {
        prepareForUpdate(object, previous) {
          const { managedFields } = object.metadata ?? {}
          const { managedFields: _before, ...metadata } = previous.metadata ?? {}
          const kept = { ...metadata, ...(managedFields && { managedFields }) }
          Object.assign(object, { metadata: kept })
        },
        validateUpdate: validateStatusUpdate,
      },
    }),
    ...(scale && { scale: scaleRules(scale) }),
  }
}

/** Faults after which rules could not be evaluated. */
const blocking: ReadonlySet<FieldError['type']> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])

/** The metadata of the whole is validated as that of all kinds. */
function withoutEmbeddedRoot(schema: JSONSchemaProps): JSONSchemaProps {
  const { 'x-kubernetes-embedded-resource': _root, ...rest } = schema
  return rest
}

/** Repetitions that were there before may stay. */
function listErrors(
  object: KubernetesObject,
  previous: KubernetesObject,
  schema: JSONSchemaProps,
): readonly FieldError[] {
  const errors = validateLists(object, schema)
  return errors.length > 0 && validateLists(previous, schema).length === 0 ? errors : []
}

function contentOf({ metadata: _metadata, ...content }: KubernetesObject): object {
  return content
}

function metadataOf(object: Writable<KubernetesObject>): Writable<ObjectMeta> {
  return (object.metadata ??= {})
}

const standardFinalizers: ReadonlySet<string> = new Set(['orphan', 'foregroundDeletion', 'kubernetes'])

function finalizerWarnings(
  object: KubernetesObject,
  previous: KubernetesObject | undefined,
): readonly string[] {
  const before = new Set(previous?.metadata?.finalizers)
  const added = (object.metadata?.finalizers ?? []).filter((name) => !before.has(name)).sort()
  return added.flatMap((name) => {
    const shown = `metadata.finalizers: ${goQuote(name)}`
    const faults = qualifiedNameErrors(name).map((fault) => `${shown}: ${fault}`)
    if (name.includes('/') || standardFinalizers.has(name)) return faults
    const kind = name.includes('.') ? 'name including a path (/)' : 'name'
    return [
      ...faults,
      `${shown}: prefer a domain-qualified finalizer ${kind} to avoid accidental conflicts with other finalizer writers`,
    ]
  })
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
