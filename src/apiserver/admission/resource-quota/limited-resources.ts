import { decodeConfiguration } from '../../../api/configuration/decode-configuration.ts'
import { file, listOf, struct, text } from '../../../api/configuration/configuration-schema.ts'
import type { ScopedResourceSelectorRequirement } from '../../../api/generated/core.v1.ts'
import type { QuotaEvaluator } from '../../../api/quota/quota-evaluator.ts'
import type { ResourceList } from '../../../api/quota/resource-list.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import { quantitySign } from '../../../machinery/quantity.ts'
import { groupResource } from '../../../machinery/resource.ts'

/** What may only be used where a quota says how much. */
export interface LimitedResource {
  readonly apiGroup?: string
  readonly resource?: string
  readonly matchContains?: readonly string[]
  readonly matchScopes?: readonly ScopedResourceSelectorRequirement[]
}

const names = listOf(text)
const schema = file({
  limitedResources: listOf(
    struct({
      apiGroup: text,
      resource: text,
      matchContains: names,
      matchScopes: listOf(struct({ scopeName: text, operator: text, values: names })),
    }),
  ),
})
const kinds = [
  { group: 'apiserver.config.k8s.io', version: 'v1', kind: 'ResourceQuotaConfiguration', schema },
  { group: 'resourcequota.admission.k8s.io', version: 'v1beta1', kind: 'Configuration', schema },
  { group: 'resourcequota.admission.k8s.io', version: 'v1alpha1', kind: 'Configuration', schema },
]

/** Throws an Error. Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota/apis. */
export function readLimitedResources(content: string): readonly LimitedResource[] {
  const { limitedResources = [] } = decodeConfiguration(content, kinds) as {
    readonly limitedResources?: readonly LimitedResource[]
  }
  for (const [index, { resource }] of limitedResources.entries()) {
    if (!resource) throw new Error(`limitedResources[${index}].resource: Required value`)
  }
  return limitedResources
}

/** What of an object's usage, and which of its scopes, a quota must cover. */
export interface Demand {
  readonly resources: readonly string[]
  readonly scopes: readonly ScopedResourceSelectorRequirement[]
}

const nothingDemanded: Demand = { resources: [], scopes: [] }

export function demandOf(
  limited: readonly LimitedResource[],
  resource: { readonly group: string; readonly resource: string },
  { evaluator, object, usage }: { evaluator: QuotaEvaluator; object: KubernetesObject; usage: ResourceList },
): Demand {
  if (limited.length === 0) return nothingDemanded
  const concerned = limited.filter(
    ({ apiGroup = '', resource: name = '' }) =>
      groupResource({ group: apiGroup, resource: name }) === groupResource(resource),
  )
  const used = Object.entries(usage).flatMap(([name, quantity]) => (quantitySign(quantity) > 0 ? [name] : []))
  return {
    resources: used.filter((name) =>
      concerned.some(({ matchContains = [] }) => matchContains.some((part) => name.includes(part))),
    ),
    scopes: limited
      .flatMap(({ matchScopes = [] }) => matchScopes)
      .filter((scope) => evaluator.matchesScope(object, scope)),
  }
}

/** As Go prints them. */
export function describeScopes(scopes: readonly ScopedResourceSelectorRequirement[]): string {
  const texts = scopes.map(
    ({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(' ')}]}`,
  )
  return `[${texts.join(' ')}]`
}
