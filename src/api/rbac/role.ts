import { path, required } from '../../machinery/field-error.ts'
import { column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ClusterRole, Role } from '../generated/rbac.v1.ts'
import { clusterRoles, roles } from '../generated/resources.ts'
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
        return validateLabelSelector(
          selector,
          path('aggregationRule').child('clusterRoleSelectors').index(index),
        )
      }),
    ],
  },
  columns: [nameColumn, createdAt],
}
