import type { ControllerRevision } from '../../api/generated/apps.v1.ts'
import { controllerRevisions } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { isAlreadyExists, isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import {
  holdsSame,
  newRevision,
  oldestRevisionFirst,
  planHistory,
  type RevisionOptions,
} from './controller-revisions.ts'

export interface SyncedRevision {
  readonly revision: ControllerRevision
  /** Raised when another record has the name that this one would have. */
  readonly collisionCount: number | undefined
}

/**
 * The record of the owner's present template, as the newest of its revisions: one that holds the same becomes the newest
 * again, otherwise a new one is written.
 */
export async function syncRevision(
  options: Omit<RevisionOptions, 'revision'>,
  revisions: readonly ControllerRevision[],
  { client }: ReconcileContext,
): Promise<SyncedRevision> {
  const sorted = revisions.toSorted(oldestRevisionFirst)
  const newest = sorted.at(-1)
  let { collisionCount } = options
  const next = (newest?.revision ?? 0) + 1
  const wanted = newRevision({ ...options, revision: next })
  const same = sorted.findLast((revision) => holdsSame(revision, wanted))
  if (same && same === newest) return { revision: same, collisionCount }
  if (same)
    return { revision: await client.update(controllerRevisions, { ...same, revision: next }), collisionCount }

  for (;;) {
    const candidate = newRevision({ ...options, collisionCount, revision: next })
    try {
      return { revision: await client.create(controllerRevisions, candidate), collisionCount }
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      const found = await client.get(controllerRevisions, identityOf(candidate))
      if (holdsSame(found, candidate)) return { revision: found, collisionCount }
      collisionCount = (collisionCount ?? 0) + 1
    }
  }
}

/** Deletes the records beyond the limit that are not in `live` (by name). */
export async function truncateHistory(
  revisions: readonly ControllerRevision[],
  live: ReadonlySet<string>,
  limit: number,
  { client }: ReconcileContext,
): Promise<void> {
  for (const revision of planHistory(revisions, live, limit)) {
    try {
      await client.delete(controllerRevisions, identityOf(revision))
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}
