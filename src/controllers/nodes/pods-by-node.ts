import type { Pod } from '../../api/generated/core.v1.ts'
import type { Informer } from '../../client/informer.ts'

const indexName = 'nodeName'

/** Lets podsOn() answer without a scan. */
export function indexPodsByNode(cache: Informer<Pod>): void {
  cache.addIndex(indexName, ({ spec }) => (spec?.nodeName ? [spec.nodeName] : []))
}

export function podsOn(cache: Informer<Pod>, nodeName: string): readonly Pod[] {
  return cache.byIndex(indexName, nodeName)
}
