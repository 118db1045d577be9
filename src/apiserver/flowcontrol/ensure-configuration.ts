import type { FlowSchemaSpec, PriorityLevelConfigurationSpec } from '../../api/generated/flowcontrol.v1.ts'
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/flowcontrol/mandatory.ts'
import { suggestedFlowSchemas, suggestedPriorityLevels } from '../../api/flowcontrol/suggested.ts'
import { flowSchemas, priorityLevelConfigurations } from '../../api/generated/resources.ts'
import { semanticEqual } from '../../machinery/equal.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { unlessThere } from '../bootstrap/namespaces.ts'
import type { Objects } from '../objects.ts'

const autoUpdateAnnotation = 'apf.kubernetes.io/autoupdate-spec'

interface Specified<Spec> extends KubernetesObject {
  readonly spec?: Spec
}

/**
 * Creates the mandatory and the suggested configuration, and puts right what has changed: mandatory objects always,
 * suggested ones unless their annotation says that an administrator keeps them. Objects that an earlier version
 * suggested go. Called again and again. Source: kubernetes/pkg/registry/flowcontrol/ensurer.
 */
export async function ensureFlowControlConfiguration(objects: Objects): Promise<void> {
  const levels = ensureKind(
    objects,
    priorityLevelConfigurations,
    mandatoryPriorityLevels,
    suggestedPriorityLevels,
    {
      // How much of the server the exempt level counts for may be chosen.
      wanted: (name, spec: PriorityLevelConfigurationSpec, found) =>
        name === 'exempt' && found?.exempt ? { ...spec, exempt: found.exempt } : spec,
    },
  )
  const schemas = ensureKind(objects, flowSchemas, mandatoryFlowSchemas, suggestedFlowSchemas, {
    wanted: (_name, spec: FlowSchemaSpec) => spec,
  })
  await Promise.all([levels, schemas])
}

interface KindRules<Spec> {
  wanted(name: string, spec: Spec, found: Spec | undefined): Spec
}

async function ensureKind<Spec, T extends Specified<Spec>>(
  objects: Objects,
  resource: Resource<T>,
  mandatory: Readonly<Record<string, Spec>>,
  suggested: Readonly<Record<string, Spec>>,
  rules: KindRules<Spec>,
): Promise<void> {
  const all = { ...suggested, ...mandatory }
  const ensure = async ([name, spec]: [string, Spec]): Promise<void> => {
    const found = objects.get(resource, { name })
    if (!found) {
      const metadata = { name, annotations: { [autoUpdateAnnotation]: 'true' } }
      await objects.create(resource, { metadata, spec } as unknown as T).catch(unlessThere)
      return
    }
    const isOurs = Object.hasOwn(mandatory, name) || updatesItself(found)
    const wanted = rules.wanted(name, spec, found.spec)
    const annotation = String(isOurs)
    const isRight = !isOurs || semanticEqual(found.spec, wanted)
    if (isRight && found.metadata?.annotations?.[autoUpdateAnnotation] === annotation) return
    await objects
      .change(resource, { name }, (object) => {
        const draft = object as Writable<KubernetesObject> & { spec?: unknown }
        const { metadata } = draft
        draft.metadata = {
          ...metadata,
          annotations: { ...metadata?.annotations, [autoUpdateAnnotation]: annotation },
        }
        if (isOurs) draft.spec = structuredClone(wanted)
      })
      .catch(unlessGone)
  }
  await Promise.all(Object.entries(all).map(ensure))
  for (const object of objects.list(resource)) {
    const { name = '', uid, annotations } = object.metadata ?? {}
    if (Object.hasOwn(all, name) || annotations?.[autoUpdateAnnotation] !== 'true') continue
    await objects.delete(resource, { name }, { ...(uid && { preconditions: { uid } }) }).catch(unlessGone)
  }
}

/** Without an annotation that says so, an object is as it was made as long as nobody has changed its spec. */
function updatesItself({ metadata }: KubernetesObject): boolean {
  const value = metadata?.annotations?.[autoUpdateAnnotation]
  if (value === 'true') return true
  return value === 'false' ? false : metadata?.generation === 1
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error
}
