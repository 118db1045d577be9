import type { ScopedResourceSelectorRequirement } from '../generated/core.v1.ts'

/** Whether a scope that selects by name selects an object that has these names; it may have none. */
export function matchesValue(scope: ScopedResourceSelectorRequirement, names: readonly string[]): boolean {
  const listed = names.some((name) => scope.values?.includes(name))
  switch (scope.operator) {
    case 'In':
      return listed
    case 'NotIn':
      return !listed
    case 'Exists':
      return names.length > 0
    case 'DoesNotExist':
      return names.length === 0
  }
}
