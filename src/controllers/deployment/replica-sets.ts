import type { Deployment, ReplicaSet } from '../../api/generated/apps.v1.ts'
import type { PodTemplateSpec } from '../../api/generated/core.v1.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { sameTemplate } from '../pods/same-template.ts'
import { revisionOf } from './annotations.ts'

export const hashLabel = 'pod-template-hash'

/** The replica sets of a deployment: that with the deployment's template, if there is one, and all others. */
export interface Rollout {
  readonly current: ReplicaSet | undefined
  readonly old: readonly ReplicaSet[]
}

/** Of several replica sets with the deployment's template the oldest counts, so that all controllers choose the same. */
export function rolloutOf(deployment: Deployment, replicaSets: readonly ReplicaSet[]): Rollout {
  const current = replicaSets.toSorted(oldestFirst).find((candidate) => hasTemplateOf(candidate, deployment))
  return { current, old: replicaSets.filter((replicaSet) => replicaSet !== current) }
}

export function all({ current, old }: Rollout): readonly ReplicaSet[] {
  return current ? [...old, current] : old
}

/** Whether they have the same pods; the label that tells replica sets apart does not count. */
export function hasTemplateOf(replicaSet: ReplicaSet, deployment: Deployment): boolean {
  return sameTemplate(withoutHash(replicaSet.spec?.template), withoutHash(deployment.spec?.template))
}

export function withoutHash(template: PodTemplateSpec = {}): PodTemplateSpec {
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {}
  return { ...template, metadata: { ...template.metadata, labels } }
}

export function sizeOf({ spec }: ReplicaSet): number {
  return spec?.replicas ?? 1
}

export function isScaledUp(replicaSet: ReplicaSet): boolean {
  return sizeOf(replicaSet) > 0
}

/**
 * Its controller has not said that it knows the size, and may still be making pods for the one before. Who never had another
 * has none too many.
 */
export function isUnobserved({ metadata, status }: ReplicaSet): boolean {
  const generation = metadata?.generation ?? 0
  return generation > 1 && (status?.observedGeneration ?? 0) < generation
}

export function totalSize(replicaSets: readonly ReplicaSet[]): number {
  return sum(replicaSets, sizeOf)
}

export function totalActual(replicaSets: readonly ReplicaSet[]): number {
  return sum(replicaSets, ({ status }) => status?.replicas ?? 0)
}

export function totalAvailable(replicaSets: readonly ReplicaSet[]): number {
  return sum(replicaSets, availableOf)
}

/** Undefined as long as a replica set has not said how many of its pods are on their way out. */
export function totalTerminating(replicaSets: readonly ReplicaSet[]): number | undefined {
  const counts = replicaSets.map(({ status }) => status?.terminatingReplicas)
  return counts.includes(undefined) ? undefined : counts.reduce((total, count) => total! + count!, 0)
}

export function availableOf({ status }: ReplicaSet): number {
  return status?.availableReplicas ?? 0
}

export function sum(replicaSets: readonly ReplicaSet[], count: (replicaSet: ReplicaSet) => number): number {
  return replicaSets.reduce((total, replicaSet) => total + count(replicaSet), 0)
}

/** For sorting: by time of creation, and by name where that is the same. */
export function oldestFirst(a: ReplicaSet, b: ReplicaSet): number {
  return (
    compareGoStrings(a.metadata?.creationTimestamp ?? '', b.metadata?.creationTimestamp ?? '') ||
    compareGoStrings(a.metadata?.name ?? '', b.metadata?.name ?? '')
  )
}

function compareRevisions(a: ReplicaSet, b: ReplicaSet): number {
  const difference = revisionOf(a) - revisionOf(b)
  return difference === 0n ? 0 : difference > 0n ? 1 : -1
}

export function lowestRevisionFirst(a: ReplicaSet, b: ReplicaSet): number {
  return compareRevisions(a, b) || oldestFirst(a, b)
}
