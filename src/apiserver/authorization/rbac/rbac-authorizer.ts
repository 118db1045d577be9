import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import type { User } from '../../authentication/authenticator.ts'
import type { Objects } from '../../objects.ts'
import type { Attributes, Authorizer, Decision } from '../authorizer.ts'
import { noOpinion, noOpinionBecause } from '../decisions.ts'
import { aggregateMessages, type RuleResolver } from '../rule-resolver.ts'
import { createRbacIndex, type Grant, type RbacIndex } from './rbac-index.ts'
import { rulesAllow } from './rules.ts'

export interface RbacAuthorizer extends Authorizer, RuleResolver {
  close(): void
}

/**
 * Allows what roles and bindings grant; never denies. Source: kubernetes/plugin/pkg/auth/authorizer/rbac.
 */
export function createRbacAuthorizer(objects: Objects): RbacAuthorizer {
  const index = createRbacIndex(objects)
  const reasons = new WeakMap<Grant, Decision>()

  function allowedBy(grant: Grant): Decision {
    let decision = reasons.get(grant)
    if (!decision) {
      decision = { type: 'allow', reason: `RBAC: allowed by ${describeGrant(grant)}` }
      reasons.set(grant, decision)
    }
    return decision
  }

  return {
    name: 'RBAC',
    isLocal: true,
    authorize(attributes) {
      const missing: string[] = []
      const grant =
        findGrant(index, index.clusterGrants(attributes.user), attributes, missing) ??
        (attributes.namespace === ''
          ? undefined
          : findGrant(
              index,
              index.namespaceGrants(attributes.user, attributes.namespace),
              attributes,
              missing,
            ))
      if (grant) return allowedBy(grant)
      return missing.length === 0 ? noOpinion : noOpinionBecause(`RBAC: ${aggregateMessages(missing)}`)
    },
    rulesFor: (user, namespace) => rulesFor(index, user, namespace),
    close: () => index.close(),
  }
}

/** The first grant whose role allows the request; the roles that are missing are added to `missing`. */
function findGrant(
  index: RbacIndex,
  grants: Iterable<Grant>,
  attributes: Attributes,
  missing: string[],
): Grant | undefined {
  for (const grant of grants) {
    const rules = index.rulesOf(grant.binding.roleRef, grant.namespace)
    if (!rules) missing.push(missingRole(grant))
    else if (rulesAllow(rules, attributes)) return grant
  }
  return undefined
}

function rulesFor(index: RbacIndex, user: User, namespace: string): ReturnType<RuleResolver['rulesFor']> {
  const collected: PolicyRule[] = []
  const errors: string[] = []
  const inNamespace = namespace === '' ? [] : index.namespaceGrants(user, namespace)
  for (const grants of [index.clusterGrants(user), inNamespace]) {
    for (const grant of grants) {
      const rules = index.rulesOf(grant.binding.roleRef, grant.namespace)
      if (rules) collected.push(...rules)
      else errors.push(missingRole(grant))
    }
  }
  return { rules: collected, incomplete: false, errors }
}

function missingRole({ binding }: Grant): string {
  const { kind, name } = binding.roleRef
  return `${kind.toLowerCase()}.rbac.authorization.k8s.io "${name}" not found`
}

function describeGrant({ binding, subject, namespace }: Grant): string {
  const { kind, name } = binding.roleRef
  const bindingName = binding.metadata?.name ?? ''
  const bindingText =
    namespace === '' ? `ClusterRoleBinding "${bindingName}"` : `RoleBinding "${bindingName}/${namespace}"`
  const subjectName =
    subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace || namespace}` : subject.name
  return `${bindingText} of ${kind} "${name}" to ${subject.kind} "${subjectName}"`
}
