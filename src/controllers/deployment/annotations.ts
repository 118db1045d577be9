import type { Deployment, ReplicaSet } from '../../api/generated/apps.v1.ts'
import { parseInt64 } from '../../machinery/int64.ts'
import { maxSurge } from './rollout-limits.ts'

export const revisionAnnotation = 'deployment.kubernetes.io/revision'
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history'
const desiredReplicasAnnotation = 'deployment.kubernetes.io/desired-replicas'
const maxReplicasAnnotation = 'deployment.kubernetes.io/max-replicas'

/** Stands for a field of API versions that are no more: the revision to go back to, 0 for the one before the present. */
const rollbackAnnotation = 'deprecated.deployment.rollback.to'

/** The history of revisions is cut to this many characters. */
const maxRevisionHistoryLength = 2000

/** What a replica set does not take over from its deployment. */
const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  rollbackAnnotation,
])

type Annotations = Readonly<Record<string, string>>

/** The revision of a replica set in its deployment's history, a number of 64 bits; 0 when it has none. */
export function revisionOf({ metadata }: ReplicaSet | Deployment): bigint {
  return parseInt64(metadata?.annotations?.[revisionAnnotation] ?? '') ?? 0n
}

/** The revision that the deployment is to go back to, 0 for the one before the present; undefined when it is not. */
export function rollbackRevisionOf({ metadata }: Deployment): bigint | undefined {
  return parseInt64(metadata?.annotations?.[rollbackAnnotation] ?? '')
}

/** The deployment's annotations once it has gone back, to that of `replicaSet` if it does: they go back with the template. */
export function annotationsAfterRollback(deployment: Deployment, replicaSet?: ReplicaSet): Annotations {
  const { [rollbackAnnotation]: _, ...own } = deployment.metadata?.annotations ?? {}
  if (!replicaSet) return own
  const pick = (annotations: Annotations, isOwn: boolean) =>
    Object.entries(annotations).filter(([key]) => notCopied.has(key) === isOwn)
  return Object.fromEntries([...pick(own, true), ...pick(replicaSet.metadata?.annotations ?? {}, false)])
}

export function maxRevision(replicaSets: readonly ReplicaSet[]): bigint {
  return replicaSets
    .map(revisionOf)
    .reduce((highest, revision) => (revision > highest ? revision : highest), 0n)
}

/** spec.replicas of the deployment when the replica set was last scaled; undefined when it does not say. */
export function desiredReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return numberIn(replicaSet, desiredReplicasAnnotation)
}

/** The most pods that the deployment could have when the replica set was last scaled. */
export function maxReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return numberIn(replicaSet, maxReplicasAnnotation)
}

/** What a replica set must say about the size of its deployment. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const { replicas = 1 } = deployment.spec ?? {}
  return {
    [desiredReplicasAnnotation]: String(replicas),
    [maxReplicasAnnotation]: String(replicas + maxSurge(deployment)),
  }
}

/**
 * The annotations of the newest replica set: its own, the deployment's over them, and `revision` where that is higher
 * than the one it had, which then goes into its history (it is rolled back to).
 */
export function newReplicaSetAnnotations(
  current: Annotations,
  deployment: Deployment,
  revision: bigint,
): Annotations {
  const annotations: Record<string, string> = { ...current }
  for (const [key, value] of Object.entries(deployment.metadata?.annotations ?? {})) {
    if (!notCopied.has(key)) annotations[key] = value
  }
  const previous = current[revisionAnnotation]
  if (revision <= (parseInt64(previous ?? '') ?? 0n)) return annotations
  annotations[revisionAnnotation] = String(revision)
  if (previous !== undefined)
    annotations[revisionHistoryAnnotation] = appendRevision(current[revisionHistoryAnnotation], previous)
  return annotations
}

function appendRevision(history: string | undefined, revision: string): string {
  const revisions = [...(history ? history.split(',') : []), revision]
  while (revisions.length > 1 && revisions.join().length > maxRevisionHistoryLength) revisions.shift()
  return revisions.join()
}

function numberIn({ metadata }: ReplicaSet, annotation: string): number | undefined {
  const text = metadata?.annotations?.[annotation]
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}
