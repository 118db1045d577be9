import type { Informer } from '../../client/informer.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { controllerOf } from '../../machinery/owner.ts'

const indexName = 'controller'

/** Lets ownedBy() and orphans() answer without a scan. */
export function indexByController<T extends KubernetesObject>(cache: Informer<T>): void {
  cache.addIndex(indexName, (object) => [
    controllerOf(object)?.uid ?? `orphans/${object.metadata?.namespace ?? ''}`,
  ])
}

/** The objects whose controller has this uid. */
export function ownedBy<T extends KubernetesObject>(cache: Informer<T>, uid: string): readonly T[] {
  return cache.byIndex(indexName, uid)
}

/** The objects of a namespace that have no controller. */
export function orphans<T extends KubernetesObject>(cache: Informer<T>, namespace: string): readonly T[] {
  return cache.byIndex(indexName, `orphans/${namespace}`)
}
