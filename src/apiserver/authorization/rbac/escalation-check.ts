import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../../api/generated/rbac.v1.ts'
import type { AdmissionPlugin } from '../../admission/plugin.ts'
import { checkBindingEscalation, checkRoleEscalation, type EscalationContext } from './escalation.ts'

const group = 'rbac.authorization.k8s.io'

/**
 * The checks of escalation.ts at their place on the way of a write: after all other admission. They belong to the
 * registry of these kinds, not to the admission plugins that a cluster's operator chooses.
 */
export function createEscalationCheck(context: EscalationContext): AdmissionPlugin {
  return {
    name: 'RBACEscalation',
    handles: ({ resource, operation, subresource }) =>
      resource.group === group && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE'),
    async validate({ resource: { resource }, object, oldObject, user, isUpsert }) {
      switch (resource) {
        case 'roles':
        case 'clusterroles': {
          const role = object as unknown as Role | ClusterRole
          const previous: Role | ClusterRole | undefined = oldObject
          return checkRoleEscalation(context, user, role, previous, resource, { isUpsert })
        }
        case 'rolebindings':
        case 'clusterrolebindings': {
          const binding = object as unknown as RoleBinding | ClusterRoleBinding
          const previous = oldObject as unknown as RoleBinding | ClusterRoleBinding | undefined
          return checkBindingEscalation(context, user, binding, previous, resource)
        }
      }
    },
  }
}
