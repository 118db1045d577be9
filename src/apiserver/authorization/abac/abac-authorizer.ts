import { decodeConfiguration } from '../../../api/configuration/decode-configuration.ts'
import { file, flag, struct, text } from '../../../api/configuration/configuration-schema.ts'
import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import type { User } from '../../authentication/authenticator.ts'
import type { Attributes, Authorizer } from '../authorizer.ts'
import { allowed } from '../decisions.ts'
import type { RuleResolver } from '../rule-resolver.ts'

/** Who may do what: one line of the file. */
export interface AbacPolicy {
  readonly user?: string
  readonly group?: string
  readonly readonly?: boolean
  readonly apiGroup?: string
  readonly resource?: string
  readonly namespace?: string
  readonly nonResourcePath?: string
}

const spec = struct({
  user: text,
  group: text,
  readonly: flag,
  apiGroup: text,
  resource: text,
  namespace: text,
  nonResourcePath: text,
})
const kind = {
  group: 'abac.authorization.kubernetes.io',
  version: 'v1beta1',
  kind: 'Policy',
  schema: file({ spec }),
}

/** Reads a file with one Policy in JSON a line. Throws an Error that names the line. */
export function readAbacPolicies(content: string): readonly AbacPolicy[] {
  return content.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.trim().startsWith('#')) return []
    try {
      const { spec: policy = {} } = decodeConfiguration(line, [kind]) as { readonly spec?: AbacPolicy }
      return [policy]
    } catch (error) {
      throw new Error(`error reading policy file, line ${index}: ${line}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  })
}

const readOnlyVerbs: readonly string[] = ['get', 'list', 'watch']

/** Upstream's authorization mode ABAC. Source: kubernetes/pkg/auth/authorizer/abac. */
export function createAbacAuthorizer(policies: readonly AbacPolicy[]): Authorizer & RuleResolver {
  return {
    name: 'abac',
    authorize: (attributes) =>
      policies.some((policy) => matches(policy, attributes))
        ? allowed
        : { type: 'noOpinion', reason: 'No policy matched.' },
    rulesFor: (user, namespace) => ({
      rules: policies
        .filter((policy) => isFor(policy, user))
        .filter((policy) => policy.namespace === '*' || (policy.namespace ?? '') === namespace)
        .flatMap(rulesOf),
      incomplete: false,
      errors: [],
    }),
  }
}

function matches(policy: AbacPolicy, attributes: Attributes): boolean {
  if (!isFor(policy, attributes.user)) return false
  if (policy.readonly && !readOnlyVerbs.includes(attributes.verb)) return false
  if (!attributes.isResourceRequest) return matchesPath(policy.nonResourcePath ?? '', attributes.path)
  const { namespace, resource, group } = attributes
  return (
    isOrAny(policy.namespace, namespace) &&
    isOrAny(policy.resource, resource) &&
    isOrAny(policy.apiGroup, group)
  )
}

/** Where both a user and a group are named, both must be. */
function isFor({ user: name = '', group = '' }: AbacPolicy, user: User): boolean {
  if (name === '' && group === '') return false
  if (name !== '' && !isOrAny(name, user.name)) return false
  return group === '' || group === '*' || user.groups.includes(group)
}

function isOrAny(wanted = '', actual: string): boolean {
  return wanted === '*' || wanted === actual
}

function matchesPath(wanted: string, path: string): boolean {
  if (wanted === '') return false
  return wanted.endsWith('*') ? path.startsWith(wanted.slice(0, -1)) : wanted === path
}

function rulesOf(policy: AbacPolicy): readonly PolicyRule[] {
  const verbs = policy.readonly ? readOnlyVerbs : ['*']
  const { resource, apiGroup = '', nonResourcePath } = policy
  return [
    ...(resource ? [{ verbs, apiGroups: [apiGroup], resources: [resource] }] : []),
    ...(nonResourcePath ? [{ verbs, nonResourceURLs: [nonResourcePath] }] : []),
  ]
}
