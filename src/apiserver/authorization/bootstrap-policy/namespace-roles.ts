import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import { events, read, rule } from './policy-rules.ts'

/** A role in one of the system's namespaces, with who is bound to it. */
export interface BootstrapRole {
  readonly namespace: 'kube-system' | 'kube-public'
  readonly name: string
  /** The role's own name when absent. */
  readonly bindingName?: string
  readonly rules: readonly PolicyRule[]
  readonly users?: readonly string[]
  /** In kube-system. */
  readonly serviceAccounts?: readonly string[]
}

const controllerManager = 'system:kube-controller-manager'
const scheduler = 'system:kube-scheduler'

/** Source: kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy/namespace_policy.go. */
export const bootstrapRoles: readonly BootstrapRole[] = [
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    bindingName: 'system::extension-apiserver-authentication-reader',
    rules: [rule(read, 'core', 'configmaps', 'extension-apiserver-authentication')],
    users: [controllerManager, scheduler],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: [rule(read, 'core', 'secrets')],
    serviceAccounts: ['bootstrap-signer'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: [rule(`create ${read}`, 'core', 'configmaps')],
    serviceAccounts: ['cloud-provider'],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: [rule(`${read} delete`, 'core', 'secrets'), events],
    serviceAccounts: ['token-cleaner'],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-controller-manager',
    rules: [
      rule('watch', 'core', 'configmaps'),
      rule('get update', 'core', 'configmaps', 'kube-controller-manager'),
    ],
    users: [controllerManager],
    serviceAccounts: ['kube-controller-manager'],
  },
  {
    namespace: 'kube-system',
    name: 'system::leader-locking-kube-scheduler',
    rules: [rule('watch', 'core', 'configmaps'), rule('get update', 'core', 'configmaps', 'kube-scheduler')],
    users: [scheduler],
    serviceAccounts: ['kube-scheduler'],
  },
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [rule(read, 'core', 'configmaps'), rule('update', 'core', 'configmaps', 'cluster-info'), events],
    serviceAccounts: ['bootstrap-signer'],
  },
]
