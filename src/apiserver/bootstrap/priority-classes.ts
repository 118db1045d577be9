import type { PriorityClass } from '../../api/generated/scheduling.v1.ts'
import { priorityClasses } from '../../api/generated/resources.ts'
import type { Objects } from '../objects.ts'
import { unlessThere } from './namespaces.ts'

/** Source: kubernetes/pkg/apis/scheduling/v1/helpers.go. */
const systemPriorityClasses: readonly PriorityClass[] = [
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'For pods without which a node does not work: they must stay on it.',
    preemptionPolicy: 'PreemptLowerPriority',
  },
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description: 'For pods without which the cluster does not work, but which may move between nodes.',
    preemptionPolicy: 'PreemptLowerPriority',
  },
]

export async function ensureSystemPriorityClasses(objects: Objects): Promise<void> {
  await Promise.all(
    systemPriorityClasses
      .filter(({ metadata }) => !objects.get(priorityClasses, { name: metadata!.name! }))
      .map((priorityClass) => objects.create(priorityClasses, priorityClass).catch(unlessThere)),
  )
}
