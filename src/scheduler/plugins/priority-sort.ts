import type { Plugin } from '../framework.ts'

/** Higher priority first, then what has waited longer. */
export const prioritySort: Plugin = {
  name: 'PrioritySort',
  compare: (a, b) => b.pod.priority - a.pod.priority || a.queuedAtMs - b.queuedAtMs,
}
