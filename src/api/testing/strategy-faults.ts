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

/** What writing the status of `after` over `before` is refused for. */
export function statusFaults(name: string, before: object, after: object): string[] {
  const { status } = definitionOf(name).strategy
  const [next, previous] = [decoded(name, after), decoded(name, before)]
  status?.prepareForUpdate?.(next, previous)
  return (status?.validateUpdate?.(next, previous) ?? []).map(fieldErrorText)
}

/** The fault alone, where what changed is shown behind it. */
export function withoutDifference(fault: string): string {
  return fault.replace(/\n@@[^]*$/, '')
}

/** What upstream says of what is no qualified name. */
export const qualifiedName =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

/** What upstream says of what is no DNS subdomain. */
export const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

/** What upstream says of what is no DNS label. */
export const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
