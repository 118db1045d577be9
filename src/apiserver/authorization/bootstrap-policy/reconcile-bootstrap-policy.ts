import type {
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
  Subject,
} from '../../../api/generated/rbac.v1.ts'
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../../api/generated/resources.ts'
import type { FeatureGates } from '../../../machinery/feature-gates.ts'
import type { KubernetesObject, Writable } from '../../../machinery/meta.ts'
import { keyOf, type ObjectName, type Resource } from '../../../machinery/resource.ts'
import { isAlreadyExists } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import { missingRules } from '../rbac/covers.ts'
import { autoUpdateAnnotation, bootstrapObjects } from './bootstrap-objects.ts'

/**
 * Makes the default roles and bindings, and gives those that are there back what they lack, unless they are annotated
 * with autoupdate "false". What people added stays. Runs at each start, all at once, so that a store which groups its
 * commits needs few; where nothing is missing it only compares. Resolves when the authoriser has seen them too: whoever
 * starts then is not refused.
 * Source: kubernetes/pkg/registry/rbac/rest/storage_rbac.go, k8s.io/component-helpers/auth/rbac/reconciliation.
 */
export async function reconcileBootstrapPolicy(objects: Objects, gates?: FeatureGates): Promise<void> {
  const expected = bootstrapObjects(gates)
  await Promise.all([
    ...expected.clusterRoles.map((role) => reconcileRole(objects, clusterRoles, role)),
    ...expected.roles.map((role) => reconcileRole(objects, roles, role)),
    ...expected.clusterRoleBindings.map((binding) => reconcileBinding(objects, clusterRoleBindings, binding)),
    ...expected.roleBindings.map((binding) => reconcileBinding(objects, roleBindings, binding)),
  ])
  await Promise.all([
    untilSeen(objects, clusterRoles, expected.clusterRoles),
    untilSeen(objects, roles, expected.roles),
    untilSeen(objects, clusterRoleBindings, expected.clusterRoleBindings),
    untilSeen(objects, roleBindings, expected.roleBindings),
  ])
}

/** Caches over a store that is elsewhere are a moment behind. */
async function untilSeen<T extends KubernetesObject>(
  objects: Objects,
  resource: Resource<T>,
  expected: readonly T[],
): Promise<void> {
  const unseen = new Set(
    expected.filter((object) => !objects.get(resource, nameOf(object))).map((object) => keyOf(object)),
  )
  if (unseen.size === 0) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const unsubscribe = objects.onChange(resource, ({ type, object }) => {
    if (type === 'set') unseen.delete(keyOf(object))
    if (unseen.size === 0) resolve()
  })
  await promise.finally(unsubscribe)
}

async function reconcileRole<T extends Role | ClusterRole>(
  objects: Objects,
  resource: Resource<T>,
  expected: T,
): Promise<void> {
  const name = nameOf(expected)
  const existing = objects.get(resource, name)
  if (!existing) return createUnlessThere(objects, resource, expected)
  if (isProtected(existing) || !roleLacks(existing, expected)) return
  await objects.change(resource, name, (writable) => {
    if (!isProtected(writable)) completeRole(writable, expected)
  })
}

async function reconcileBinding<T extends RoleBinding | ClusterRoleBinding>(
  objects: Objects,
  resource: Resource<T>,
  expected: T,
): Promise<void> {
  const name = nameOf(expected)
  const existing = objects.get(resource, name)
  if (!existing) return createUnlessThere(objects, resource, expected)
  if (isProtected(existing)) return
  if (existing.roleRef.name !== expected.roleRef.name || existing.roleRef.kind !== expected.roleRef.kind) {
    // A binding's role cannot be changed: it is another binding.
    await objects.delete(resource, name, { preconditions: preconditionOf(existing) })
    return createUnlessThere(objects, resource, expected)
  }
  const lacks = missingSubjects(existing, expected).length > 0 || metadataLacks(existing, expected)
  if (!lacks) return
  await objects.change(resource, name, (writable) => {
    if (isProtected(writable)) return
    completeMetadata(writable, expected)
    const missing = missingSubjects(writable, expected) as Writable<Subject>[]
    if (missing.length > 0) writable.subjects = [...(writable.subjects ?? []), ...missing]
  })
}

/** Another server may be starting too. */
async function createUnlessThere<T extends KubernetesObject>(
  objects: Objects,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  try {
    await objects.create(resource, object)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}

function nameOf({ metadata }: KubernetesObject): ObjectName {
  const { name = '', namespace } = metadata ?? {}
  return namespace ? { namespace, name } : { name }
}

function preconditionOf({ metadata }: KubernetesObject): { readonly uid?: string } {
  return metadata?.uid ? { uid: metadata.uid } : {}
}

function isProtected({ metadata }: KubernetesObject): boolean {
  return metadata?.annotations?.[autoUpdateAnnotation] === 'false'
}

type Aggregating = Pick<ClusterRole, 'aggregationRule'>

/** An aggregated role's rules are its controller's; only its selectors are ours. */
function roleLacks(existing: Role | ClusterRole, expected: Role | ClusterRole): boolean {
  if (metadataLacks(existing, expected)) return true
  if ((expected as Aggregating).aggregationRule) return missingSelectors(existing, expected).length > 0
  return missingRules(existing.rules ?? [], expected.rules ?? []).length > 0
}

function completeRole(role: Writable<ClusterRole>, expected: Role | ClusterRole): void {
  completeMetadata(role, expected)
  const selectors = missingSelectors(role, expected)
  if (selectors.length > 0) {
    const present = role.aggregationRule?.clusterRoleSelectors ?? []
    role.aggregationRule = { clusterRoleSelectors: [...present, ...selectors] }
  }
  const rules = missingRules(role.rules ?? [], expected.rules ?? []) as NonNullable<typeof role.rules>
  if (rules.length > 0) role.rules = [...(role.rules ?? []), ...structuredClone(rules)]
}

function missingSelectors(
  existing: Role | ClusterRole | Writable<ClusterRole>,
  expected: Role | ClusterRole,
): Writable<NonNullable<NonNullable<ClusterRole['aggregationRule']>['clusterRoleSelectors']>> {
  const present = (existing as Aggregating).aggregationRule?.clusterRoleSelectors ?? []
  const texts = new Set(present.map((selector) => JSON.stringify(selector)))
  const wanted = (expected as Aggregating).aggregationRule?.clusterRoleSelectors ?? []
  return structuredClone(wanted.filter((selector) => !texts.has(JSON.stringify(selector)))) as Writable<
    typeof wanted
  >
}

function missingSubjects(
  existing: RoleBinding | ClusterRoleBinding,
  expected: RoleBinding | ClusterRoleBinding,
): readonly Subject[] {
  const same = (a: Subject, b: Subject) =>
    a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '')
  return (expected.subjects ?? []).filter(
    (wanted) => !(existing.subjects ?? []).some((present) => same(present, wanted)),
  )
}

/** Labels and annotations that are there keep their values. */
function metadataLacks({ metadata }: KubernetesObject, expected: KubernetesObject): boolean {
  const lacks = (present: object | undefined, wanted: object | undefined) =>
    Object.keys(wanted ?? {}).some((key) => !Object.hasOwn(present ?? {}, key))
  return (
    lacks(metadata?.labels, expected.metadata?.labels) ||
    lacks(metadata?.annotations, expected.metadata?.annotations)
  )
}

function completeMetadata(object: Writable<KubernetesObject>, expected: KubernetesObject): void {
  const metadata = (object.metadata ??= {})
  metadata.labels = { ...expected.metadata?.labels, ...metadata.labels }
  metadata.annotations = { ...expected.metadata?.annotations, ...metadata.annotations }
}
