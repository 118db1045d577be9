import { header } from './header.ts'
import { apiregistration, type SourcePackage } from './packages.ts'
import type { ResourceFact } from './read-facts.ts'

/** Kinds that are created through a resource of their own but have no `+genclient` marker. */
function unmarked(sources: readonly SourcePackage[]): ResourceFact[] {
  const core = sources.find((source) => source.short === 'core.v1')
  return [
    ...(core ? [{ source: core, kind: 'Binding', namespaced: true }] : []),
    { source: apiregistration, kind: 'APIService', namespaced: false },
  ]
}

/** Constant names where two groups or versions share a kind, or where the kind is no good plural. */
const constantNames: Readonly<Record<string, string>> = {
  'certificates.v1alpha1.ClusterTrustBundle': 'clusterTrustBundlesV1alpha1',
  'events.v1.Event': 'eventsV1',
  'autoscaling.v1.HorizontalPodAutoscaler': 'horizontalPodAutoscalersV1',
  'metrics.v1beta1.PodMetrics': 'podMetrics',
  'metrics.v1beta1.NodeMetrics': 'nodeMetrics',
}

export function emitResources(marked: readonly ResourceFact[]): string {
  const sources = [...new Set(marked.map((resource) => resource.source))]
  const resources = [...marked, ...unmarked(sources)].map((resource) => ({
    ...resource,
    constant: constantName(resource),
    type: typeName(resource),
  }))
  const imports = [...new Set(resources.map((resource) => resource.source.short))].map((short) => {
    const names = resources.filter((resource) => resource.source.short === short).map(importName)
    return importLine(names, `./${short}.ts`)
  })
  const constants = resources.map((resource) => {
    const { source, kind, namespaced } = resource
    const fields = [
      `group: '${source.group}'`,
      `version: '${source.version}'`,
      `resource: '${resource.resource ?? plural(kind).toLowerCase()}'`,
      `kind: '${kind}'`,
      `namespaced: ${namespaced}`,
    ]
    return `export const ${resource.constant}: Resource<${resource.type}> = {\n  ${fields.join(',\n  ')},\n}`
  })
  const all = resources.map((resource) => `  ${resource.constant},`).join('\n')
  return `${[
    header,
    [...imports, "import type { Resource } from '../../machinery/resource.ts'"].join('\n'),
    ...constants,
    `/** Every built-in resource, and those of metrics.k8s.io. */\nexport const allResources: readonly Resource[] = [\n${all}\n]`,
  ].join('\n\n')}\n`
}

function importName(resource: ResourceFact): string {
  const type = typeName(resource)
  return type === resource.kind ? type : `${resource.kind} as ${type}`
}

/** The kind, made unique in this one file. */
function typeName({ source, kind }: ResourceFact): string {
  if (source.short === 'events.v1' && kind === 'Event') return 'EventV1'
  if (source.short === 'autoscaling.v1') return `${kind}V1`
  if (source.short === 'certificates.v1alpha1') return `${kind}V1alpha1`
  return kind
}

function importLine(names: readonly string[], module: string): string {
  const line = `import type { ${names.join(', ')} } from '${module}'`
  return line.length <= 110 ? line : `import type {\n  ${names.join(',\n  ')},\n} from '${module}'`
}

function constantName({ source, kind }: ResourceFact): string {
  const known = constantNames[`${source.short}.${kind}`]
  if (known) return known
  // CSIDriver: csiDrivers; ServiceCIDR: serviceCIDRs.
  return plural(kind).replace(/^([A-Z]+)(?=[A-Z][a-z])|^[A-Z]/, (start) => start.toLowerCase())
}

function plural(kind: string): string {
  if (kind === 'Endpoints') return kind
  if (/(s|x|ch|sh)$/.test(kind)) return `${kind}es`
  if (/[^aeiou]y$/.test(kind)) return `${kind.slice(0, -1)}ies`
  return `${kind}s`
}
