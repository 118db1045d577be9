import type { Writable } from '../../../machinery/meta.ts'
import type { Pod, ResourceRequirements } from '../../generated/core.v1.ts'
import { allContainers, defaultPodSpec } from './pod-spec-defaults.ts'

/** What is filled in a pod beside what every pod template gets. */
export function defaultPod(pod: Writable<Pod>): void {
  const { spec } = pod
  if (!spec) return
  defaultPodSpec(spec)
  spec.enableServiceLinks ??= true
  for (const { resources } of allContainers(spec)) requestWhatIsLimited(resources)
  if (spec.resources) requestWhatIsLimited(spec.resources)
}

/** A limit without a request is a request too. */
function requestWhatIsLimited(resources: Writable<ResourceRequirements> | undefined): void {
  if (!resources?.limits) return
  resources.requests = { ...resources.limits, ...resources.requests }
}
