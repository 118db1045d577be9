import type { FieldError } from '../../machinery/field-error.ts'
import type { DeleteOptions, KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { DeletionPlan } from './plan-deletion.ts'
import type { RequestScope } from './request.ts'

/** Something claimed for an object that is about to be written: addresses, ports. */
export interface Claim {
  /** The object has been written. */
  commit(): Promise<void>
  /** It has not: give back what was claimed. */
  release(): Promise<void>
}

/** What must happen outside the object when it is written, for the few kinds where something must. */
export interface WriteHooks {
  /** May edit the object. Throws to refuse; nothing is claimed then. With `dryRun` nothing outlasts the request. */
  beforeCreate?(object: Writable<KubernetesObject>, dryRun: boolean): Promise<Claim>
  beforeUpdate?(
    object: Writable<KubernetesObject>,
    previous: KubernetesObject,
    dryRun: boolean,
  ): Promise<Claim>
  /** What validation takes other objects for, or the rights of who writes: faults, in front of the kind's own. */
  validate?(write: PreparedWrite): Promise<readonly FieldError[]>
  afterDelete?(object: KubernetesObject): Promise<void>
  /** What a DELETE does, where it is not what it does to all kinds; undefined where it is. `now` in milliseconds. */
  planDeletion?(object: KubernetesObject, options: DeleteOptions, now: number): DeletionPlan | undefined
  /** Whether an object that is being deleted must stay although it has no finalizers. */
  holdsBack?(object: KubernetesObject): boolean
}

/** An object as it would be written. */
export interface PreparedWrite {
  readonly object: KubernetesObject
  /** Absent for a new object. */
  readonly previous?: KubernetesObject
  readonly scope: RequestScope
}

/** What has to be undone if a write does not come about, and done when it does. */
export class Undoing {
  readonly #claims: Claim[] = []
  readonly #releases: (() => Promise<void>)[] = []

  claim(claim: Claim | undefined): void {
    if (claim) this.#claims.push(claim)
  }

  onFailure(release: () => Promise<void>): void {
    this.#releases.push(release)
  }

  async commit(): Promise<void> {
    for (const claim of this.#claims) await claim.commit()
  }

  async undo(): Promise<void> {
    for (const release of this.#releases) await release()
    for (const claim of this.#claims) await claim.release()
  }
}
