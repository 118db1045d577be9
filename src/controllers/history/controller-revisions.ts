import type { ControllerRevision } from '../../api/generated/apps.v1.ts'
import type { PodTemplateSpec } from '../../api/generated/core.v1.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { withSortedKeys } from '../../machinery/go-json.ts'
import { templateHash } from '../../machinery/hash.ts'
import type { KubernetesObject, RawExtension } from '../../machinery/meta.ts'
import { ownerReferenceTo } from '../../machinery/owner.ts'
import type { Resource } from '../../machinery/resource.ts'
import { identityOf } from '../ownership/identity.ts'

/** The label by which a revision carries the hash of what it holds. */
export const revisionHashLabel = 'controller.kubernetes.io/hash'
/** The label by which a pod carries the revision that it was made from. */
export const podRevisionLabel = 'controller-revision-hash'

const maxPrefixLength = 223

export interface RevisionOptions {
  readonly owner: KubernetesObject
  readonly ownerResource: Resource
  readonly template: PodTemplateSpec
  /** Under which the owner finds its revisions. */
  readonly labels: Readonly<Record<string, string>>
  readonly hashLabel: string
  readonly revision: number
  readonly collisionCount: number | undefined
}

/**
 * A record of a pod template, in the form that `kubectl rollout undo` applies to the owner: a strategic merge patch that
 * replaces the template. Its keys are in order: upstream's clients compare the bytes with those that they make.
 */
export function newRevision(options: RevisionOptions): ControllerRevision {
  const { owner, ownerResource, template, labels, hashLabel, revision, collisionCount } = options
  const { name, namespace } = identityOf(owner)
  const data = { spec: { template: { ...template, $patch: 'replace' } } } as unknown as RawExtension
  const hash = templateHash(data, collisionCount)
  const { annotations } = owner.metadata ?? {}
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name.slice(0, maxPrefixLength)}-${hash}`,
      namespace,
      labels: { ...labels, [hashLabel]: hash },
      ...(annotations && { annotations }),
      ownerReferences: [ownerReferenceTo(owner, ownerResource)],
    },
    data: withSortedKeys(data) as RawExtension,
    revision,
  }
}

/** The pod template that a revision records. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { spec } = data as unknown as {
    readonly spec?: { readonly template?: PodTemplateSpec & { $patch?: string } }
  }
  const { $patch: _, ...template } = spec?.template ?? {}
  return template
}

export function holdsSame(a: ControllerRevision, b: ControllerRevision): boolean {
  return jsonEqual(a.data, b.data)
}

export function oldestRevisionFirst(a: ControllerRevision, b: ControllerRevision): number {
  return (
    a.revision - b.revision ||
    compareGoStrings(a.metadata?.creationTimestamp ?? '', b.metadata?.creationTimestamp ?? '') ||
    compareGoStrings(a.metadata?.name ?? '', b.metadata?.name ?? '')
  )
}

/** The revisions that nobody needs any more, beyond the limit, the oldest first. */
export function planHistory(
  revisions: readonly ControllerRevision[],
  live: ReadonlySet<string>,
  limit: number,
): readonly ControllerRevision[] {
  const idle = revisions
    .filter(({ metadata }) => !live.has(metadata?.name ?? ''))
    .toSorted(oldestRevisionFirst)
  return idle.slice(0, Math.max(0, idle.length - limit))
}
