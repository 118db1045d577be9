import { compareGoStrings } from '../go-format.ts'
import { union } from './field-set.ts'
import { identifierOf, secondsOf, type Manager } from './managers.ts'

const maxUpdateManagers = 10
const bucketName = 'ancient-changes'

/**
 * Keeps at most ten managers that update: the oldest of each version are merged into one manager named
 * `ancient-changes`, as many as are too many. Changes the map.
 */
export function capUpdateManagers(managers: Map<string, Manager>): void {
  const updaters = [...managers].filter(([, { operation }]) => operation === 'Update')
  let excess = updaters.length - maxUpdateManagers
  if (excess <= 0) return
  updaters.sort(([a, first], [b, second]) => secondsOf(first) - secondsOf(second) || compareGoStrings(a, b))

  const firstOfVersion = new Map<string, string>()
  for (const [identifier, manager] of updaters) {
    if (excess <= 0) return
    const { apiVersion, fields, time } = manager
    const first = firstOfVersion.get(apiVersion)
    if (first === undefined) {
      firstOfVersion.set(apiVersion, identifier)
      continue
    }
    const bucket = bucketOf(apiVersion)
    const bucketIdentifier = identifierOf(bucket)
    let merged = managers.get(bucketIdentifier)
    if (!merged) {
      merged = { ...bucket, fields: managers.get(first)!.fields }
      managers.delete(first)
    }
    if (identifier !== bucketIdentifier) managers.delete(identifier)
    managers.set(bucketIdentifier, { ...bucket, fields: union(fields, merged.fields), ...(time && { time }) })
    excess--
  }
}

function bucketOf(apiVersion: string): Omit<Manager, 'fields'> {
  return { manager: bucketName, operation: 'Update', apiVersion, subresource: '' }
}
