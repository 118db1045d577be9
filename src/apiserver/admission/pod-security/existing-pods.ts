import type { Pod } from '../../../api/generated/core.v1.ts'
import { pods } from '../../../api/generated/resources.ts'
import { controllerOf } from '../../../machinery/owner.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { violationsOf } from './evaluate-pod.ts'
import { compareLevels, describeLevelVersion, type LevelVersion } from './policy.ts'

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

/** Says which pods a namespace has that the new policy would not let in, and why; pods with the same faults together. */
export function warnAboutExistingPods(
  objects: Objects,
  request: AdmissionRequest,
  { namespace, enforce, previous, exempt }: EnforceChange,
): void {
  if (!mayShutOut(enforce, previous)) return
  const all = replicasLast(objects.list(pods, namespace))
  const checked = all.slice(0, maxPodsChecked)
  const found = new Map<string, { firstPod: string; count: number }>()
  for (const { metadata = {}, spec } of checked) {
    if (!spec || exempt.includes(spec.runtimeClassName ?? '')) continue
    const reasons = violationsOf(enforce, spec, metadata).map(({ reason }) => reason)
    if (reasons.length === 0) continue
    const text = reasons.join(', ')
    const name = metadata.name ?? ''
    const same = found.get(text)
    if (!same) found.set(text, { firstPod: name, count: 1 })
    else {
      same.count++
      if (name < same.firstPod) same.firstPod = name
    }
  }
  if (checked.length < all.length) {
    request.warn(
      `new PodSecurity enforce level only checked against the first ${checked.length} of ${all.length} existing pods`,
    )
  }
  if (found.size === 0) return
  request.warn(
    `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${describeLevelVersion(enforce)}"`,
  )
  const lines = [...found].map(([text, { firstPod, count }]) => `${firstPod}${others(count - 1)}: ${text}`)
  for (const line of lines.sort()) request.warn(line)
}

/** Between versions nobody knows which is the stricter one, even where the level is a lower one. */
function mayShutOut(enforce: LevelVersion, previous: LevelVersion): boolean {
  if (enforce.level === 'privileged') return false
  return enforce.minorVersion !== previous.minorVersion || compareLevels(enforce.level, previous.level) > 0
}

/** The first pod of each controller stands for the others, which are looked at when there is room. */
function replicasLast(all: readonly Pod[]): readonly Pod[] {
  const seenOwners = new Set<string>()
  const replicas: Pod[] = []
  const first = all.filter((pod) => {
    const owner = controllerOf(pod)?.uid
    if (owner === undefined) return true
    if (seenOwners.has(owner)) return void replicas.push(pod)
    seenOwners.add(owner)
    return true
  })
  return [...first, ...replicas]
}

function others(count: number): string {
  if (count === 0) return ''
  return ` (and ${count} other ${count === 1 ? 'pod' : 'pods'})`
}
