import type { NamespaceCondition } from '../../api/generated/core.v1.ts'
import { setCondition } from '../../machinery/conditions.ts'
import { groupResource, type Resource } from '../../machinery/resource.ts'

/** What emptying a namespace met with. */
export interface EmptyingReport {
  /** Groups and versions that could not be asked, with the reason: `m.io/v1: stale GroupVersion discovery: m.io/v1`. */
  readonly discoveryFailures: readonly string[]
  readonly deletionFailures: readonly string[]
  readonly remaining: readonly Remaining[]
}

/** Objects that are still there: their resource, how many, and the finalizers that hold some of them. */
export interface Remaining {
  readonly resource: Resource
  readonly count: number
  readonly finalizers: ReadonlyMap<string, number>
}

/** Says in the namespace's conditions what its deletion waits for. Words of upstream's namespace/deletion. */
export function emptyingConditions(
  current: readonly NamespaceCondition[] | undefined,
  report: EmptyingReport,
  nowMs: number,
): readonly NamespaceCondition[] {
  let conditions = current ?? []
  for (const { type, problem, wellReason, wellMessage } of assess(report)) {
    const reason = problem?.reason ?? wellReason
    const message = problem?.message ?? wellMessage
    conditions = setCondition(
      conditions,
      { type, status: problem ? 'True' : 'False', reason, message },
      nowMs,
    )
  }
  return conditions
}

interface Assessment {
  readonly type: string
  readonly problem: { readonly reason: string; readonly message: string } | undefined
  readonly wellReason: string
  readonly wellMessage: string
}

function assess({ discoveryFailures, deletionFailures, remaining }: EmptyingReport): readonly Assessment[] {
  const finalizers = totalFinalizers(remaining)
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      problem: problem(
        discoveryFailures,
        'DiscoveryFailed',
        `Discovery failed for some groups, ${discoveryFailures.length} failing: ${describeDiscovery(discoveryFailures)}`,
      ),
      wellReason: 'ResourcesDiscovered',
      wellMessage: 'All resources successfully discovered',
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      problem: undefined,
      wellReason: 'ParsedGroupVersions',
      wellMessage: 'All legacy kube types successfully parsed',
    },
    {
      type: 'NamespaceDeletionContentFailure',
      problem: problem(
        deletionFailures,
        'ContentDeletionFailed',
        `Failed to delete all resource types, ${deletionFailures.length} remaining: ${deletionFailures.toSorted().join(', ')}`,
      ),
      wellReason: 'ContentDeleted',
      wellMessage: 'All content successfully deleted, may be waiting on finalization',
    },
    {
      type: 'NamespaceContentRemaining',
      problem: problem(
        remaining,
        'SomeResourcesRemain',
        `Some resources are remaining: ${remaining.map(describeRemaining).sort().join(', ')}`,
      ),
      wellReason: 'ContentRemoved',
      wellMessage: 'All content successfully removed',
    },
    {
      type: 'NamespaceFinalizersRemaining',
      problem: problem(
        [...finalizers],
        'SomeFinalizersRemain',
        `Some content in the namespace has finalizers remaining: ${[...finalizers]
          .map(([name, count]) => `${name} in ${count} resource instances`)
          .sort()
          .join(', ')}`,
      ),
      wellReason: 'ContentHasNoFinalizers',
      wellMessage: 'All content-preserving finalizers finished',
    },
  ]
}

function problem(found: readonly unknown[], reason: string, message: string): Assessment['problem'] {
  return found.length === 0 ? undefined : { reason, message }
}

/** As client-go tells of groups whose discovery failed. */
export function describeDiscovery(failures: readonly string[]): string {
  return `unable to retrieve the complete list of server APIs: ${failures.toSorted().join(', ')}`
}

function describeRemaining({ resource, count }: Remaining): string {
  const name = resource.group === '' ? `${resource.resource}.` : groupResource(resource)
  return `${name} has ${count} resource instances`
}

function totalFinalizers(remaining: readonly Remaining[]): ReadonlyMap<string, number> {
  const totals = new Map<string, number>()
  for (const { finalizers } of remaining)
    for (const [name, count] of finalizers) totals.set(name, (totals.get(name) ?? 0) + count)
  return totals
}
