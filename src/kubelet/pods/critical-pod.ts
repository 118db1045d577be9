import type { Pod } from '../../api/generated/core.v1.ts'
import { isMirrorPod, isStaticPod } from './pod.ts'

const systemCriticalPriority = 2_000_000_000

/** Never ended to help the node: static pods, and those of the two system priorities. */
export function isCriticalPod(pod: Pod): boolean {
  return isStaticPod(pod) || isMirrorPod(pod) || (pod.spec?.priority ?? 0) >= systemCriticalPriority
}
