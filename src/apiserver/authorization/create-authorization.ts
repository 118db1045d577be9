import { mastersGroup } from '../authentication/known-users.ts'
import { defaultFeatureGates, type FeatureGates } from '../../machinery/feature-gates.ts'
import { createMetrics, type Metrics } from '../../machinery/metrics.ts'
import type { Objects } from '../objects.ts'
import type { Authorizer } from './authorizer.ts'
import { nodeRulesWith } from './bootstrap-policy/node-rules.ts'
import { alwaysAllow } from './always-allow.ts'
import { alwaysDeny } from './always-deny.ts'
import { whenReloaded, type Reloadable } from '../reloadable.ts'
import { countDecisions } from './count-decisions.ts'
import { createNodeAuthorizer } from './node/node-authorizer.ts'
import { createNodeGraph } from './node/node-graph.ts'
import { createPathAuthorizer, defaultAlwaysAllowPaths } from './path-authorizer.ts'
import { createPrivilegedGroupAuthorizer } from './privileged-group-authorizer.ts'
import { createEscalationCheck } from './rbac/escalation-check.ts'
import { createRbacAuthorizer } from './rbac/rbac-authorizer.ts'
import type { RuleResolver } from './rule-resolver.ts'
import { createUnionAuthorizer } from './union.ts'
import type { AdmissionPlugin } from '../admission/plugin.ts'

/** Everything about who may do what. */
export interface Authorization {
  readonly authorizer: Authorizer
  /** For SelfSubjectRulesReview. */
  readonly resolvers: readonly RuleResolver[]
  /** Goes behind all admission plugins. */
  readonly escalationCheck: AdmissionPlugin
  close(): void
}

/** One of the authorisers that an operator put in order. */
export type ConfiguredAuthorizer =
  | { readonly type: 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny'; readonly name?: string }
  | {
      readonly type: 'Webhook' | 'ABAC'
      /** As its configuration calls it; as its type, in lower case, where that does not. */
      readonly name?: string
      readonly authorizer: Authorizer & RuleResolver
    }

/** `--authorization-mode=Node,RBAC` */
const usualAuthorizers: readonly ConfiguredAuthorizer[] = [{ type: 'Node' }, { type: 'RBAC' }]

export interface AuthorizationOptions {
  readonly alwaysAllowPaths?: readonly string[]
  /** May be replaced by others at any time. Node and RBAC when absent. */
  readonly authorizers?: Reloadable<readonly ConfiguredAuthorizer[]>
  readonly metrics?: Metrics
  readonly featureGates?: FeatureGates
}

/** The masters, some paths for everybody, and what is configured: nodes and what roles grant, usually. */
export function createAuthorization(objects: Objects, options: AuthorizationOptions = {}): Authorization {
  const {
    alwaysAllowPaths = defaultAlwaysAllowPaths,
    authorizers = { current: usualAuthorizers },
    metrics = createMetrics(),
    featureGates = defaultFeatureGates,
  } = options
  const graph = createNodeGraph(objects)
  const node = createNodeAuthorizer(graph, nodeRulesWith(featureGates))
  const rbac = createRbacAuthorizer(objects)
  const first = [createPrivilegedGroupAuthorizer(mastersGroup), createPathAuthorizer(alwaysAllowPaths)]

  function implementationOf(configured: ConfiguredAuthorizer): Authorizer & RuleResolver {
    switch (configured.type) {
      case 'Node':
        return node
      case 'RBAC':
        return rbac
      case 'AlwaysAllow':
        return alwaysAllow
      case 'AlwaysDeny':
        return alwaysDeny
      case 'Webhook':
      case 'ABAC':
        return configured.authorizer
    }
  }
  const chainOf = whenReloaded(authorizers, (configured) => {
    const resolvers = configured.map(implementationOf)
    const counted = configured.map((one, index) => countDecisions(metrics, one, resolvers[index]!))
    return { resolvers, union: createUnionAuthorizer([...first, ...counted]) }
  })
  const authorizer: Authorizer = {
    name: 'union',
    get isLocal() {
      return chainOf().union.isLocal ?? false
    },
    authorize: (attributes) => chainOf().union.authorize(attributes),
  }
  return {
    authorizer,
    get resolvers() {
      return chainOf().resolvers
    },
    escalationCheck: createEscalationCheck({ objects, authorizer, rules: rbac }),
    close() {
      graph.close()
      rbac.close()
    },
  }
}
