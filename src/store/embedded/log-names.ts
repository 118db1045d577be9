/** A file of changes: those after `after`, up to where the next one begins. */
export interface Segment {
  readonly path: string
  readonly after: bigint
  /** What counts of it. */
  bytes: number
}

const changesSuffix = '.log'
const stateSuffix = '.state'
/** Behind the name of a state that is being written. */
export const unfinishedSuffix = '.unfinished'

/** As many digits as a revision can have, so that the order of names is the order of revisions. */
const revisionDigits = 20

export function changesName(after: bigint): string {
  return after.toString().padStart(revisionDigits, '0') + changesSuffix
}

export function stateName(revision: bigint): string {
  return revision.toString().padStart(revisionDigits, '0') + stateSuffix
}

export function isChangesName(name: string): boolean {
  return name.endsWith(changesSuffix)
}

export function isStateName(name: string): boolean {
  return name.endsWith(stateSuffix)
}

export function revisionOf(name: string): bigint {
  return BigInt(name.slice(0, revisionDigits))
}
