import type { Pod, Service } from '../../api/generated/core.v1.ts'
import type { Informer } from '../../client/informer.ts'

const indexName = 'selectorTerm'

/** Lets servicesOf() find services by the pod's labels instead of asking each. */
export function indexServicesBySelector(cache: Informer<Service>): void {
  cache.addIndex(indexName, ({ metadata, spec }) => {
    const term = Object.entries(spec?.selector ?? {})[0]
    return term ? [termKey(metadata?.namespace ?? '', term)] : []
  })
}

/** The services whose selector selects the pod. A service without a selector selects none. */
export function servicesOf({ metadata }: Pod, cache: Informer<Service>): readonly Service[] {
  const { labels = {}, namespace = '' } = metadata ?? {}
  return Object.entries(labels).flatMap((term) =>
    cache.byIndex(indexName, termKey(namespace, term)).filter((service) => selects(service, labels)),
  )
}

export function selects({ spec }: Service, labels: Readonly<Record<string, string>>): boolean {
  const terms = Object.entries(spec?.selector ?? {})
  return terms.length > 0 && terms.every(([key, value]) => labels[key] === value)
}

function termKey(namespace: string, [key, value]: readonly [string, string]): string {
  return `${namespace}/${key}=${value}`
}
