import type { Container, Pod, PodSpec } from '../generated/core.v1.ts'
import { countedStatus, isPodLevelResource, isResizeInfeasible } from '../core/pod-resources.ts'
import { addResources, maxResources, type ResourceList } from './resource-list.ts'

/*
 * What a pod asks for altogether, in quantities as users wrote them. (core/pod-resources.ts has the same in numbers,
 * for the scheduler.) Source: k8s.io/component-helpers/resource.
 */

export function podRequestTotals(pod: Pod): ResourceList {
  if (!pod.spec) return {}
  return totals(pod.spec, 'requests', (container) => requestsOf(container, pod), wholeRequestsOf(pod))
}

export function podLimitTotals({ spec }: Pod): ResourceList {
  return spec ? totals(spec, 'limits', ({ resources }) => resources?.limits ?? {}) : {}
}

/**
 * What users wrote, without what a runtime class adds or a node has given so far: what limit ranges are about.
 * Source: kubernetes/plugin/pkg/admission/limitranger.
 */
export function podSpecTotals({ spec }: Pod, kind: 'requests' | 'limits'): ResourceList {
  return spec ? totalsOfContainers(spec, kind, ({ resources }) => resources?.[kind] ?? {}) : {}
}

function totals(
  spec: PodSpec,
  kind: 'requests' | 'limits',
  amountsOf: (container: Container) => ResourceList,
  whole = spec.resources?.[kind],
): ResourceList {
  const containers = totalsOfContainers(spec, kind, amountsOf, whole)
  const overhead = Object.entries(spec.overhead ?? {}).filter(
    // Overhead adds to a limit only where there is one.
    ([name]) => kind === 'requests' || containers[name] !== undefined,
  )
  return addResources(containers, Object.fromEntries(overhead))
}

function totalsOfContainers(
  spec: PodSpec,
  kind: 'requests' | 'limits',
  amountsOf: (container: Container) => ResourceList,
  whole = spec.resources?.[kind],
): ResourceList {
  let running: ResourceList = {}
  for (const container of spec.containers) running = addResources(running, amountsOf(container))

  let sidecars: ResourceList = {}
  let starting: ResourceList = {}
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container)
    if (container.restartPolicy === 'Always') {
      running = addResources(running, own)
      sidecars = addResources(sidecars, own)
      starting = maxResources(starting, sidecars)
    } else {
      starting = maxResources(starting, addResources(own, sidecars))
    }
  }
  const containers: Record<string, string> = { ...maxResources(running, starting) }

  for (const [name, quantity] of Object.entries(whole ?? {})) {
    if (isPodLevelResource(name)) containers[name] = quantity
  }
  return containers
}

/** While a resize is under way, a container counts with the largest of what it has, is to get and asks for. */
function requestsOf(container: Container, pod: Pod): ResourceList {
  const asked = container.resources?.requests ?? {}
  const now = countedStatus(container, pod)
  return now ? effective(pod, asked, now.resources?.requests, now.allocatedResources) : asked
}

/** As a container does, the pod as a whole. */
function wholeRequestsOf(pod: Pod): ResourceList | undefined {
  const asked = pod.spec?.resources?.requests
  const { resources, allocatedResources } = pod.status ?? {}
  if (!asked || !resources) return asked
  const most = effective(pod, asked, resources.requests, allocatedResources)
  return Object.fromEntries(Object.entries(most).filter(([name]) => asked[name] !== undefined))
}

function effective(
  pod: Pod,
  asked: ResourceList,
  given: ResourceList = {},
  allocated: ResourceList = {},
): ResourceList {
  const kept = maxResources(given, allocated)
  return isResizeInfeasible(pod) ? kept : maxResources(asked, kept)
}
