import type { Strategy } from '../../../api/definition.ts'
import type { Scale } from '../../../api/generated/autoscaling.v1.ts'
import { decode } from '../../../api/decode.ts'
import { schemaOf } from '../../../api/scheme.ts'
import { writableCopy } from '../../../machinery/copy.ts'
import { invalid as invalidField, path } from '../../../machinery/field-error.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { KubernetesObject, ManagedFieldsEntry, Writable } from '../../../machinery/meta.ts'
import type { ObjectSchema } from '../../../machinery/schema.ts'
import { badRequest, conflict, internalError, invalid } from '../../../machinery/status-errors.ts'
import { validatePatchOptions } from '../../../machinery/validation/options.ts'
import { applyPatch, appliedValue, readPatch, tellStrictErrors } from '../apply-patch.ts'
import { verbNotAllowed } from '../dispatch.ts'
import { setManagedFields } from '../field-management.ts'
import { checkName, ensureNamespace, metadataOf } from '../object-meta.ts'
import { readObject } from '../read-object.ts'
import type { Registry } from '../registry.ts'
import type {
  Answer,
  PatchBody,
  PatchOptions,
  RequestScope,
  ResourceRequest,
  WriteOptions,
} from '../request.ts'
import { ScaleFields } from '../scale-fields.ts'
import type { Subresource } from '../subresource.ts'
import { updateObject } from '../update.ts'

const scaleKind = { group: 'autoscaling', version: 'v1', kind: 'Scale' }

/** How many replicas there shall be, the same for all kinds that have some. */
export const scaleSubresource: Subresource = {
  name: 'scale',
  kind: () => scaleKind,
  verbs: ['get', 'patch', 'update'],
  appliesTo: (_registry, { strategy }) => strategy.scale !== undefined,

  async handle(registry, scope, request) {
    const rules = scope.served.strategy.scale
    if (!rules) throw internalError(`${registry.definition.resource.resource} have no scale`)
    switch (request.verb) {
      case 'get': {
        const stored = await registry.get(scope, request.name, request.options)
        const object = await scope.served.working(stored)
        if (rules.isSet && !rules.isSet(object)) {
          const field = `.${rules.path?.join('.')}`
          throw internalError(`the spec replicas field ${goQuote(field)} does not exist`)
        }
        return { type: 'object', code: 200, object: scaleOf(rules, object) }
      }
      case 'update': {
        const { body, options } = request
        const expected = { kind: scaleKind, schema: scaleSchema() }
        const wanted = readObject<Scale>(expected, body, options, scope)
        return write(registry, scope, request, options, (live, fields) => {
          return { scale: wanted, managedFields: fields.onUpdate(live, wanted, options) }
        })
      }
      case 'patch':
        return patchScale(registry, scope, request, request.patch, request.options)
      default:
        throw verbNotAllowed()
    }
  },
}

type ScaleRules = NonNullable<Strategy['scale']>

interface Wanted {
  readonly scale: Writable<Scale>
  /** Of the scale. */
  readonly managedFields: readonly ManagedFieldsEntry[] | undefined
}

function patchScale(
  registry: Registry,
  scope: RequestScope,
  request: ResourceRequest,
  body: PatchBody,
  options: PatchOptions,
): Promise<Answer> {
  const isApply = body.type === 'apply'
  const errors = validatePatchOptions(options, isApply)
  if (errors.length > 0) throw invalid('PatchOptions.meta.k8s.io', '', errors)
  const patch = readPatch(body, options)
  return write(registry, scope, request, options, (live, fields) => {
    if (!isApply) {
      const scale = applyPatch({ schema: scaleSchema() }, live, patch, options, scope) as Writable<Scale>
      return { scale, managedFields: fields.onUpdate(live, scale, options) }
    }
    const applied = fields.apply(live, appliedValue(patch), options)
    tellStrictErrors(patch, options, scope)
    const scale = decode(applied, scaleSchema()) as Writable<Scale>
    return { scale, managedFields: applied.metadata?.managedFields }
  })
}

async function write(
  registry: Registry,
  scope: RequestScope,
  { name }: ResourceRequest,
  options: WriteOptions,
  wanted: (live: Scale, fields: ScaleFields) => Wanted,
): Promise<Answer> {
  const rules = scope.served.strategy.scale!
  const fields = new ScaleFields(scope, scaleSchema())
  const updated = await updateObject(registry, scope, {
    name,
    options,
    rules: scope.served.rules,
    createsMissing: false,
    view: {
      show: (object) => scaleOf(rules, object),
      take: (object, shown) => rules.withReplicas(object, (shown as Scale).spec?.replicas ?? 0),
    },
    make(existing) {
      const live = fields.withManagers(liveScale(rules, existing!), existing!)
      const { scale, managedFields } = wanted(live, fields)
      checkScale(registry, scope, name, scale, existing!)
      const object = writableCopy(existing!)
      const { resourceVersion } = scale.metadata ?? {}
      if (resourceVersion) metadataOf(object).resourceVersion = resourceVersion
      rules.withReplicas(object, scale.spec?.replicas ?? 0)
      setManagedFields(metadataOf(object), fields.ofObject(existing!, managedFields))
      return object
    },
  })
  const object = updated.type === 'stored' ? await scope.served.working(updated.stored) : updated.object
  return { type: 'object', code: 200, object: scaleOf(rules, object) }
}

/** Stands for replicas that have not been set, which no write may leave so. */
const unsetReplicas = -(2 ** 31)

function liveScale(rules: ScaleRules, object: KubernetesObject): Scale {
  const scale = scaleOf(rules, object)
  return rules.isSet && !rules.isSet(object) ? { ...scale, spec: { replicas: unsetReplicas } } : scale
}

function checkScale(
  registry: Registry,
  scope: RequestScope,
  name: string,
  scale: Writable<Scale>,
  existing: KubernetesObject,
): void {
  const metadata = metadataOf(scale)
  ensureNamespace(registry.definition, metadata, scope.namespace)
  checkName(metadata, name, scope.namespace)
  const uid = existing.metadata?.uid
  if (metadata.uid && metadata.uid !== uid) {
    throw conflict(
      registry.groupResource,
      name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`,
    )
  }
  const replicas = scale.spec?.replicas ?? 0
  if (scope.served.isCustom) {
    // Any other number is for the rules of the object to refuse.
    if (replicas === unsetReplicas) throw emptyReplicas(scope.served.strategy.scale!)
    return
  }
  if (replicas < 0) {
    const at = path('spec', 'replicas')
    throw invalid('Scale.autoscaling', name, [
      invalidField(at, replicas, 'must be greater than or equal to 0'),
    ])
  }
}

function emptyReplicas({ path: fields }: ScaleRules): Error {
  return badRequest(`the spec replicas field ${goQuote(`.${fields?.join('.')}`)} cannot be empty`)
}

function scaleOf(rules: ScaleRules, object: KubernetesObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {}
  const replicas = rules.replicas(object)
  const selector = rules.selector(object)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      ...(name && { name }),
      ...(namespace && { namespace }),
      ...(uid && { uid }),
      ...(resourceVersion && { resourceVersion }),
      ...(creationTimestamp && { creationTimestamp }),
    },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: rules.statusReplicas(object), ...(selector && { selector }) },
  }
}

function scaleSchema(): ObjectSchema {
  return schemaOf(scaleKind)!
}
