import { parseFieldSelector, requiredFieldValue } from '../../machinery/field-selector.ts'
import { SelectorError } from '../../machinery/selector-error.ts'
import type { RequestInfo } from '../request-info.ts'

/** Watches that hear of few objects each, by the field that says of which: they are no load for a single change. */
const selectiveFields: Readonly<Record<string, string>> = { pods: 'spec.nodeName' }

/** Counts watches, to tell how many hear of a change. Source: k8s.io/apiserver/pkg/util/flowcontrol/watch_tracker.go. */
export class WatchTracker {
  readonly #counts = new Map<string, number>()

  /** Counts a watch until the function returned is called. */
  register(info: RequestInfo): () => void {
    if (isSelective(info)) return () => {}
    const key = keyOf(info, info.namespace, info.name)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    return () => {
      const left = this.#counts.get(key)! - 1
      if (left > 0) this.#counts.set(key, left)
      else this.#counts.delete(key)
    }
  }

  /** How many watches may hear of what a request changes. */
  interestedIn(info: RequestInfo): number {
    if (this.#counts.size === 0) return 0
    const { namespace, name } = info
    let count = this.#counts.get(keyOf(info, '', '')) ?? 0
    if (namespace !== '') count += this.#counts.get(keyOf(info, namespace, '')) ?? 0
    if (name !== '') count += this.#counts.get(keyOf(info, namespace, name)) ?? 0
    return count
  }
}

function keyOf({ group, resource }: RequestInfo, namespace: string, name: string): string {
  return `${group}/${resource}/${namespace}/${name}`
}

function isSelective({ resource, fieldSelector }: RequestInfo): boolean {
  const field = selectiveFields[resource]
  if (!field || !fieldSelector) return false
  try {
    return Boolean(requiredFieldValue(parseFieldSelector(fieldSelector), field))
  } catch (error) {
    if (error instanceof SelectorError) return false
    throw error
  }
}
