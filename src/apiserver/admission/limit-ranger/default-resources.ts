import type { Container, LimitRange, Pod } from '../../../api/generated/core.v1.ts'
import type { Writable } from '../../../machinery/meta.ts'

const annotation = 'kubernetes.io/limit-ranger'

/**
 * Containers that say nothing get what the namespace's limit range says for them; an annotation tells what was done.
 * Source: kubernetes/plugin/pkg/admission/limitranger.
 */
export function setDefaultResources(pod: Writable<Pod>, limitRange: LimitRange): void {
  const limits: Record<string, string> = {}
  const requests: Record<string, string> = {}
  for (const { type, default: defaultLimits, defaultRequest } of limitRange.spec?.limits ?? []) {
    if (type !== 'Container') continue
    Object.assign(requests, defaultRequest)
    Object.assign(limits, defaultLimits)
  }
  const notes = [
    ...(pod.spec?.containers ?? []).flatMap((container) => fill(container, 'container', limits, requests)),
    ...(pod.spec?.initContainers ?? []).flatMap((container) =>
      fill(container, 'init container', limits, requests),
    ),
  ]
  if (notes.length === 0) return
  const metadata = (pod.metadata ??= {})
  ;(metadata.annotations ??= {})[annotation] = `LimitRanger plugin set: ${notes.join('; ')}`
}

function fill(
  container: Writable<Container>,
  kind: string,
  limits: Readonly<Record<string, string>>,
  requests: Readonly<Record<string, string>>,
): readonly string[] {
  const resources = (container.resources ??= {})
  const setLimits = Object.keys(limits).filter((name) => resources.limits?.[name] === undefined)
  const setRequests = Object.keys(requests).filter((name) => resources.requests?.[name] === undefined)
  if (setLimits.length > 0) resources.limits = { ...limits, ...resources.limits }
  if (setRequests.length > 0) resources.requests = { ...requests, ...resources.requests }
  return [
    ...(setRequests.length > 0
      ? [`${setRequests.sort().join(', ')} request for ${kind} ${container.name}`]
      : []),
    ...(setLimits.length > 0 ? [`${setLimits.sort().join(', ')} limit for ${kind} ${container.name}`] : []),
  ]
}
