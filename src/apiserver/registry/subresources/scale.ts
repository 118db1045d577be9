import type { Strategy } from '../../../api/definition.ts'
import type { Scale } from '../../../api/generated/autoscaling.v1.ts'
import { schemaOf } from '../../../api/scheme.ts'
import { writableCopy } from '../../../machinery/copy.ts'
import { invalid as invalidField, path } from '../../../machinery/field-error.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { KubernetesObject, Writable } from '../../../machinery/meta.ts'
import type { ObjectSchema } from '../../../machinery/schema.ts'
import { conflict, internalError, invalid } from '../../../machinery/status-errors.ts'
import { applyPatch, readPatch } from '../apply-patch.ts'
import { verbNotAllowed } from '../dispatch.ts'
import { checkName, ensureNamespace, metadataOf } from '../object-meta.ts'
import { readObject } from '../read-object.ts'
import type { Registry } from '../registry.ts'
import type { Answer, RequestScope, ResourceRequest, WriteOptions } from '../request.ts'
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
        return write(registry, scope, request, options, () => wanted)
      }
      case 'patch': {
        const { options } = request
        const patch = readPatch(request.patch, options)
        const target = { schema: scaleSchema() }
        return write(registry, scope, request, options, (current) => {
          return applyPatch(target, current, patch, options, scope)
        })
      }
      default:
        throw verbNotAllowed()
    }
  },
}

type ScaleRules = NonNullable<Strategy['scale']>

async function write(
  registry: Registry,
  scope: RequestScope,
  { name }: ResourceRequest,
  options: WriteOptions,
  wanted: (current: Scale) => Writable<Scale>,
): Promise<Answer> {
  const rules = scope.served.strategy.scale!
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
      const scale = wanted(scaleOf(rules, existing!))
      checkScale(registry, scope, name, scale, existing!)
      const object = writableCopy(existing!)
      const { resourceVersion } = scale.metadata ?? {}
      if (resourceVersion) metadataOf(object).resourceVersion = resourceVersion
      rules.withReplicas(object, scale.spec?.replicas ?? 0)
      registry.fields.onUpdate(scope, existing, object, options)
      return object
    },
  })
  const object = updated.type === 'stored' ? await scope.served.working(updated.stored) : updated.object
  return { type: 'object', code: 200, object: scaleOf(rules, object) }
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
  if (replicas < 0) {
    const at = path('spec', 'replicas')
    throw invalid('Scale.autoscaling', name, [
      invalidField(at, replicas, 'must be greater than or equal to 0'),
    ])
  }
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
