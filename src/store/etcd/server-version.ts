/** Major, minor and patch. */
type Version = readonly [number, number, number]

/**
 * Since these versions the answer to a progress request comes after the events before it, and only once the watch has
 * caught up. Earlier ones may say that a watch has seen what is still on its way.
 */
const progressFixedIn: readonly Version[] = [
  [3, 4, 31],
  [3, 5, 13],
]

/** Whether an etcd of this version can be asked for the progress of a watch. */
export function reportsProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  const fixed = progressFixedIn.find((other) => other[0] === major && other[1] === minor)
  return fixed ? patch >= fixed[2] : major > 3 || (major === 3 && minor > 5)
}
