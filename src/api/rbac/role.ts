import { invalid, path, required } from '../../machinery/field-error.ts'
import { column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ClusterRole, Role } from '../generated/rbac.v1.ts'
import { clusterRoles, roles } from '../generated/resources.ts'
import { isLabelSelector } from '../../machinery/label-selector.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { validateRules } from './rules.ts'

const emptyAggregation = 'at least one clusterRoleSelector required if aggregationRule is non-nil'

const createdAt = column(
  'Created At',
  'When the role was created.',
  ({ metadata }) => metadata?.creationTimestamp ?? '<unknown>',
)

export const roleDefinition: ResourceDefinition<Role> = {
  resource: roles,
  singular: 'role',
  strategy: { nameRule: 'pathSegment', validate: ({ rules }) => validateRules(rules, true, path('rules')) },
  columns: [nameColumn, createdAt],
}

export const clusterRoleDefinition: ResourceDefinition<ClusterRole> = {
  resource: clusterRoles,
  singular: 'clusterrole',
  strategy: {
    nameRule: 'pathSegment',
    validate: ({ rules, aggregationRule }) => [
      ...validateRules(rules, false, path('rules')),
      ...(aggregationRule && !aggregationRule.clusterRoleSelectors?.length
        ? [required(path('aggregationRule', 'clusterRoleSelectors'), emptyAggregation)]
        : []),
      ...(aggregationRule?.clusterRoleSelectors ?? []).flatMap((selector, index) => {
        const at = path('aggregationRule', 'clusterRoleSelectors').index(index)
        const errors = validateLabelSelector(selector, at)
        return isLabelSelector(selector) ? errors : [...errors, invalid(at, null, 'invalid label selector.')]
      }),
    ],
  },
  columns: [nameColumn, createdAt],
}
