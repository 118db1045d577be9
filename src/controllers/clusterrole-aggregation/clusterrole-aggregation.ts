import type { ClusterRole, PolicyRule } from '../../api/generated/rbac.v1.ts'
import { clusterRoles } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import { apiVersionOf } from '../../machinery/resource.ts'
import { isUnsupportedMediaType } from '../../machinery/status-errors.ts'

const fieldManager = 'clusterrole-aggregation-controller'

/**
 * Gives cluster roles with an aggregation rule the rules of the roles that it selects: `view`, `edit` and `admin` grow with
 * whatever is labelled for them. Source: kubernetes/pkg/controller/clusterroleaggregation.
 */
export const clusterRoleAggregationReconciler: Reconciler = {
  name: 'clusterrole-aggregation',
  queueName: 'ClusterRoleAggregator',
  watches: [
    // Any role may be selected, or not any longer, by any other.
    on(clusterRoles, (_role, { cache }) =>
      cache(clusterRoles)
        .list()
        .filter(({ aggregationRule }) => aggregationRule !== undefined)
        .map(nameOf),
    ),
  ],

  async reconcile(name, { client, cache }) {
    const role = cache(clusterRoles).get(name)
    if (!role?.aggregationRule || role.metadata?.deletionTimestamp) return done
    const rules = aggregatedRules(role, cache(clusterRoles).list())
    if (!jsonEqual(rules, role.rules ?? [])) await write(client, role, rules)
    return done
  },
}

/** Applies the rules, and nothing but them; an API server that cannot apply is given the whole role. */
async function write(client: Client, role: ClusterRole, rules: readonly PolicyRule[]): Promise<void> {
  const name = nameOf(role)
  const body = {
    apiVersion: apiVersionOf(clusterRoles),
    kind: clusterRoles.kind,
    metadata: { name },
    ...(rules.length > 0 && { rules }),
  }
  try {
    await client.patch(clusterRoles, { name }, { type: 'apply', body }, { fieldManager, force: true })
  } catch (error) {
    if (!isUnsupportedMediaType(error)) throw error
    await client.update(clusterRoles, { ...role, rules })
  }
}

/** The rules of all selected roles, selector by selector, each role's in the order of names, each rule once. */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const others = all
    .filter((other) => nameOf(other) !== nameOf(role))
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const rules: PolicyRule[] = []
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const parsed = fromLabelSelector(selector)
    for (const other of others) {
      if (!matchesLabels(parsed, other.metadata?.labels ?? {})) continue
      rules.push(...(other.rules ?? []).filter((rule) => !rules.some((known) => jsonEqual(known, rule))))
    }
  }
  return rules
}

function nameOf({ metadata }: ClusterRole): string {
  return metadata?.name ?? ''
}
