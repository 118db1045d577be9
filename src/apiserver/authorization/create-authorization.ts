import { mastersGroup } from '../authentication/known-users.ts'
import type { Objects } from '../objects.ts'
import type { Authorizer } from './authorizer.ts'
import { nodeRules } from './bootstrap-policy/node-rules.ts'
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

/** Upstream's usual chain: the masters, some paths for everybody, nodes, and what roles grant (`--authorization-mode=Node,RBAC`). */
export function createAuthorization(
  objects: Objects,
  options: { readonly alwaysAllowPaths?: readonly string[] } = {},
): Authorization {
  const graph = createNodeGraph(objects)
  const node = createNodeAuthorizer(graph, nodeRules)
  const rbac = createRbacAuthorizer(objects)
  const authorizer = createUnionAuthorizer([
    createPrivilegedGroupAuthorizer(mastersGroup),
    createPathAuthorizer(options.alwaysAllowPaths ?? defaultAlwaysAllowPaths),
    node,
    rbac,
  ])
  return {
    authorizer,
    resolvers: [node, rbac],
    escalationCheck: createEscalationCheck({ objects, authorizer, rules: rbac }),
    close() {
      graph.close()
      rbac.close()
    },
  }
}
