import { fieldErrorText } from '../../machinery/field-error.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { groupResource } from '../../machinery/resource.ts'
import { decode } from '../decode.ts'
import { builtInDefinitions } from '../registry.ts'
import { schemaOf } from '../scheme.ts'

export function definitionOf(name: string) {
  return builtInDefinitions.find(({ resource }) => groupResource(resource) === name)!
}

export function decoded(name: string, object: object): Writable<KubernetesObject> {
  const definition = definitionOf(name)
  const wanted = decode(object, schemaOf(definition.resource)!) as Writable<KubernetesObject>
  definition.strategy.defaults?.(wanted)
  return wanted
}

/** What creating `object` is refused for. */
export function faults(name: string, object: object): string[] {
  const { strategy } = definitionOf(name)
  return (strategy.validate?.(decoded(name, object)) ?? []).map(fieldErrorText)
}

/** What changing `before` to `after` is refused for. */
export function changeFaults(name: string, before: object, after: object): string[] {
  const { strategy } = definitionOf(name)
  const [next, previous] = [decoded(name, after), decoded(name, before)]
  const errors = strategy.validateUpdate?.(next, previous) ?? []
  const own = strategy.validatesUpdateAlone ? [] : (strategy.validate?.(next) ?? [])
  return [...own, ...errors].map(fieldErrorText)
}
