import { pods } from '../../../api/generated/resources.ts'
import { controllerOf } from '../../../machinery/owner.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { violationText } from './evaluate-pod.ts'
import { compareLevels, describeLevelVersion, sameLevelVersion, type LevelVersion } from './policy.ts'

/** More pods than these are not looked at. */
const maxPodsChecked = 3000

/** How a namespace comes to ask for something else. */
interface EnforceChange {
  readonly namespace: string
  readonly enforce: LevelVersion
  readonly previous: LevelVersion
  /** Classes of runtimes that are not held to anything. */
  readonly exempt: readonly string[]
}

/** Says which pods a namespace has that a stricter policy would not let in. Pods of one controller are told once. */
export function warnAboutExistingPods(
  objects: Objects,
  request: AdmissionRequest,
  { namespace, enforce, previous, exempt }: EnforceChange,
): void {
  const isStricter =
    enforce.level !== 'privileged' &&
    !sameLevelVersion(enforce, previous) &&
    compareLevels(enforce.level, previous.level) >= 0
  if (!isStricter) return
  const all = objects.list(pods, namespace)
  const checked = all.slice(0, maxPodsChecked)
  const counts = new Map<string, { readonly firstPod: string; count: number }>()
  const seenOwners = new Set<string>()
  for (const pod of checked) {
    const owner = controllerOf(pod)?.uid
    if (!pod.spec || (owner && seenOwners.has(owner))) continue
    if (owner) seenOwners.add(owner)
    if (exempt.includes(pod.spec.runtimeClassName ?? '')) continue
    const text = violationText(enforce, pod.spec, pod.metadata ?? {})
    if (text === '') continue
    const name = pod.metadata?.name ?? ''
    const same = counts.get(text)
    if (same) same.count++
    else counts.set(text, { firstPod: name, count: 1 })
  }
  if (checked.length < all.length) {
    request.warn(
      `new PodSecurity enforce level only checked against the first ${checked.length} of ${all.length} existing pods`,
    )
  }
  if (counts.size === 0) return
  request.warn(
    `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${describeLevelVersion(enforce)}"`,
  )
  const lines = [...counts].map(([text, { firstPod, count }]) => `${firstPod}${others(count - 1)}: ${text}`)
  for (const line of lines.sort()) request.warn(line)
}

function others(count: number): string {
  if (count === 0) return ''
  return ` (and ${count} other ${count === 1 ? 'pod' : 'pods'})`
}
