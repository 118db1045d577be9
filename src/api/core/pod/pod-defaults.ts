import type { Writable } from '../../../machinery/meta.ts'
import type { Pod, PodSpec, ResourceRequirements } from '../../generated/core.v1.ts'
import { isHugePageName } from '../resource-names.ts'
import { amountsOfContainers } from './container-amounts.ts'
import { allContainers, defaultPodSpec } from './pod-spec-defaults.ts'

/** What is filled in a pod beside what every pod template gets. */
export function defaultPod(pod: Writable<Pod>): void {
  const { spec } = pod
  if (!spec) return
  defaultPodSpec(spec)
  spec.enableServiceLinks ??= true
  for (const { resources } of allContainers(spec)) requestWhatIsLimited(resources)
  defaultPodResources(spec)
}

/** A limit without a request is a request too. */
function requestWhatIsLimited(resources: Writable<ResourceRequirements> | undefined): void {
  if (!resources?.limits) return
  resources.requests = { ...resources.limits, ...resources.requests }
}

/**
 * Where the pod as a whole has some amounts: huge pages may be as many as its containers may have, and what it may have
 * it asks for, or as much as its containers ask for. Source: defaultHugePagePodLimits and defaultPodRequests.
 */
function defaultPodResources(spec: Writable<PodSpec>): void {
  const { resources } = spec
  if (!resources) return
  const { requests = {}, limits = {} } = resources
  if (Object.keys(requests).length + Object.keys(limits).length === 0) return
  for (const [name, limit] of Object.entries(amountsOfContainers(spec, 'limits')))
    if (isHugePageName(name) && requests[name] === undefined) limits[name] ??= limit
  if (Object.keys(limits).length === 0) return
  resources.limits = limits
  for (const [name, request] of Object.entries(amountsOfContainers(spec, 'requests')))
    if (name === 'cpu' || name === 'memory') requests[name] ??= request
  for (const [name, limit] of Object.entries(limits))
    if (isPodLevelResourceName(name)) requests[name] ??= limit
  if (Object.keys(requests).length > 0) resources.requests = requests
}

function isPodLevelResourceName(name: string): boolean {
  return name === 'cpu' || name === 'memory' || isHugePageName(name)
}
