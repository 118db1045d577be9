import type { User } from './authenticator.ts'

/*
 * Names that mean something to Kubernetes. Source: k8s.io/apiserver/pkg/authentication/user and .../serviceaccount.
 */

export const mastersGroup = 'system:masters'
export const nodesGroup = 'system:nodes'
export const authenticatedGroup = 'system:authenticated'
export const unauthenticatedGroup = 'system:unauthenticated'
const serviceAccountsGroup = 'system:serviceaccounts'
export const bootstrappersGroup = 'system:bootstrappers'

export const anonymousUser = 'system:anonymous'
export const loopbackUser = 'system:apiserver'

export const credentialIdKey = 'authentication.kubernetes.io/credential-id'
export const podNameKey = 'authentication.kubernetes.io/pod-name'
export const podUidKey = 'authentication.kubernetes.io/pod-uid'
export const nodeNameKey = 'authentication.kubernetes.io/node-name'
export const nodeUidKey = 'authentication.kubernetes.io/node-uid'

const serviceAccountPrefix = 'system:serviceaccount:'
const nodePrefix = 'system:node:'

/** `system:serviceaccount:namespace:name`. */
export function serviceAccountUsername(namespace: string, name: string): string {
  return `${serviceAccountPrefix}${namespace}:${name}`
}

/** Every service account is in both. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return [serviceAccountsGroup, `${serviceAccountsGroup}:${namespace}`]
}

const dnsLabel = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
const dnsSubdomain = /^(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/

/** Inverse of serviceAccountUsername; undefined when the user is no service account. */
export function splitServiceAccountUsername(
  username: string,
): { readonly namespace: string; readonly name: string } | undefined {
  if (!username.startsWith(serviceAccountPrefix)) return undefined
  const [namespace = '', name = '', ...rest] = username.slice(serviceAccountPrefix.length).split(':')
  if (rest.length > 0 || !dnsLabel.test(namespace) || !dnsSubdomain.test(name)) return undefined
  return { namespace, name }
}

/**
 * Undefined when the user is no node. A node whose name cannot be told has an empty name.
 * Source: kubernetes/pkg/auth/nodeidentifier.
 */
export function nodeNameOf(user: User): string | undefined {
  if (!user.name.startsWith(nodePrefix) || !user.groups.includes(nodesGroup)) return undefined
  return user.name.slice(nodePrefix.length)
}

/** The node name in `system:node:name`; undefined when the name is none that a node can have. */
export function splitNodeUsername(username: string): string | undefined {
  if (!username.startsWith(nodePrefix)) return undefined
  const name = username.slice(nodePrefix.length)
  return dnsSubdomain.test(name) ? name : undefined
}

/** `user` with `group` added, unless it has it already. */
export function withGroup(user: User, group: string): User {
  return user.groups.includes(group) ? user : { ...user, groups: [...user.groups, group] }
}
