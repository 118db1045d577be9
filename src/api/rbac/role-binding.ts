import { jsonEqual } from '../../machinery/equal.ts'
import { invalid, notSupported, path, required, type FieldError } from '../../machinery/field-error.ts'
import { internalForm } from '../internal-form.ts'
import type { Writable } from '../../machinery/meta.ts'
import { dns1123SubdomainErrors, pathSegmentNameErrors } from '../../machinery/validation/names.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { Column, ResourceDefinition, Strategy } from '../definition.ts'
import type { ClusterRoleBinding, RoleBinding, Subject } from '../generated/rbac.v1.ts'
import { clusterRoleBindings, roleBindings } from '../generated/resources.ts'

type Binding = RoleBinding | ClusterRoleBinding

const rbacGroup = 'rbac.authorization.k8s.io'

function strategyFor(roleKinds: readonly string[], namespaced: boolean): Strategy<Binding> {
  return {
    nameRule: 'pathSegment',
    defaults(binding: Writable<Binding>) {
      if (binding.roleRef) binding.roleRef.apiGroup ||= rbacGroup
      for (const subject of binding.subjects ?? []) {
        if (subject.kind !== 'ServiceAccount' && !subject.apiGroup) subject.apiGroup = rbacGroup
      }
    },
    validate: (binding) => validateBinding(binding, roleKinds, namespaced),
    validateUpdate: (next, previous) =>
      jsonEqual(next.roleRef, previous.roleRef)
        ? []
        : [invalid(path('roleRef'), internalForm('rbac.v1.RoleRef', next.roleRef), 'cannot change roleRef')],
  }
}

function validateBinding(
  { roleRef, subjects = [] }: Binding,
  roleKinds: readonly string[],
  namespaced: boolean,
): FieldError[] {
  const errors: FieldError[] = []
  const role = path('roleRef')
  if (roleRef.apiGroup !== rbacGroup)
    errors.push(notSupported(role.child('apiGroup'), roleRef.apiGroup, [rbacGroup]))
  if (!roleKinds.includes(roleRef.kind))
    errors.push(notSupported(role.child('kind'), roleRef.kind, roleKinds))
  if (!roleRef.name) errors.push(required(role.child('name')))
  else
    errors.push(
      ...pathSegmentNameErrors(roleRef.name).map((message) =>
        invalid(role.child('name'), roleRef.name, message),
      ),
    )
  for (const [index, subject] of subjects.entries())
    errors.push(...validateSubject(subject, index, namespaced))
  return errors
}

function validateSubject(
  { kind, name, namespace, apiGroup = '' }: Subject,
  index: number,
  namespaced: boolean,
): FieldError[] {
  const field = path('subjects').index(index)
  const errors: FieldError[] = name ? [] : [required(field.child('name'))]
  switch (kind) {
    case 'ServiceAccount':
      if (name)
        errors.push(
          ...dns1123SubdomainErrors(name).map((message) => invalid(field.child('name'), name, message)),
        )
      if (apiGroup !== '') errors.push(notSupported(field.child('apiGroup'), apiGroup, ['']))
      if (!namespaced && !namespace) errors.push(required(field.child('namespace')))
      return errors
    case 'User':
    case 'Group':
      if (apiGroup !== rbacGroup) errors.push(notSupported(field.child('apiGroup'), apiGroup, [rbacGroup]))
      return errors
    default:
      return [...errors, notSupported(field.child('kind'), kind, ['ServiceAccount', 'User', 'Group'])]
  }
}

function columnsFor<T extends Binding>(): Column<T>[] {
  const named = (kind: string, of: (subject: Subject) => string) => (binding: T) =>
    (binding.subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(of)
      .join(', ')
  return [
    nameColumn,
    column<T>('Role', 'The role it gives.', ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`),
    ageColumn,
    wide(
      column<T>(
        'Users',
        'Users it is given to.',
        named('User', ({ name }) => name),
      ),
    ),
    wide(
      column<T>(
        'Groups',
        'Groups it is given to.',
        named('Group', ({ name }) => name),
      ),
    ),
    wide(
      column<T>(
        'ServiceAccounts',
        'Service accounts it is given to.',
        named('ServiceAccount', ({ name, namespace }) => `${namespace ?? ''}/${name}`),
      ),
    ),
  ]
}

export const roleBindingDefinition: ResourceDefinition<RoleBinding> = {
  resource: roleBindings,
  singular: 'rolebinding',
  strategy: strategyFor(['Role', 'ClusterRole'], true),
  columns: columnsFor<RoleBinding>(),
}

export const clusterRoleBindingDefinition: ResourceDefinition<ClusterRoleBinding> = {
  resource: clusterRoleBindings,
  singular: 'clusterrolebinding',
  strategy: strategyFor(['ClusterRole'], false),
  columns: columnsFor<ClusterRoleBinding>(),
}
