import type { Informer } from '../../client/informer.ts'
import { matchesLabels, type ParsedLabelSelector } from '../../machinery/label-selector.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { controllerOf } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { controllerKey } from './controller-key.ts'

/** The keys of those to whom a change of the object matters: its controller; for an orphan, all that select it. */
export function keysOfOwners<Owner extends KubernetesObject>(
  object: KubernetesObject,
  owners: Informer<Owner>,
  selectorOf: (owner: Owner) => ParsedLabelSelector,
): readonly string[] {
  if (controllerOf(object)) {
    const key = controllerKey(object, owners.resource)
    return key === undefined ? [] : [key]
  }
  const { namespace, labels = {} } = object.metadata ?? {}
  return owners
    .list(namespace)
    .filter((owner) => matchesLabels(selectorOf(owner), labels))
    .map(keyOf)
}
