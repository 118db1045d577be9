import type { Container, Pod, ScopedResourceSelectorRequirement } from '../generated/core.v1.ts'
import { qosClassOf } from '../core/pod/qos-class.ts'
import { parseTime } from '../../machinery/time.ts'
import { podLimitTotals, podRequestTotals } from './pod-amounts.ts'
import { matchesValue } from './match-scope.ts'
import type { QuotaEvaluator } from './quota-evaluator.ts'
import type { ResourceList } from './resource-list.ts'

const podsCount = 'count/pods'
const podResources: ReadonlySet<string> = new Set([
  podsCount,
  'pods',
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
])
/** Where a quota limits one of these, every container must say how much it wants. */
const demanded: ReadonlySet<string> = new Set([
  'cpu',
  'memory',
  'requests.cpu',
  'requests.memory',
  'limits.cpu',
  'limits.memory',
])

/** Source: kubernetes/pkg/quota/v1/evaluator/core/pods.go. */
export const podQuota: QuotaEvaluator<Pod> = {
  handles: (operation, subresource) =>
    subresource === '' ? operation === 'CREATE' : subresource === 'resize' && operation === 'UPDATE',
  matchingResources: (names) => names.filter(isPodResource),
  usage(pod, nowMs) {
    // The object counts as long as it is stored; what it uses, as long as it runs.
    if (hasEnded(pod, nowMs)) return { [podsCount]: '1' }
    return { [podsCount]: '1', ...computeUsage(podRequestTotals(pod), podLimitTotals(pod)) }
  },
  matchesScope,
  constraintFault,
}

function isPodResource(name: string): boolean {
  if (podResources.has(name)) return true
  if (name.startsWith('hugepages-') || name.startsWith('requests.hugepages-')) return true
  return name.startsWith('requests.') && isExtendedResource(name.slice('requests.'.length))
}

/** A resource outside Kubernetes' own names: `example.com/gpu`. */
function isExtendedResource(name: string): boolean {
  return name.includes('/') && !name.startsWith('requests.') && !/(^|\.)kubernetes\.io\//.test(name)
}

function hasEnded({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return true
  const deleted = parseTime(metadata?.deletionTimestamp)
  const graceSeconds = metadata?.deletionGracePeriodSeconds
  return deleted !== undefined && graceSeconds !== undefined && nowMs > deleted + graceSeconds * 1000
}

function computeUsage(requests: ResourceList, limits: ResourceList): ResourceList {
  const usage: Record<string, string> = { pods: '1' }
  for (const [name, quantity] of Object.entries(requests)) {
    const isCompute = name === 'cpu' || name === 'memory' || name === 'ephemeral-storage'
    if (isCompute || name.startsWith('hugepages-')) usage[name] = quantity
    if (isCompute || name.startsWith('hugepages-') || isExtendedResource(name))
      usage[`requests.${name}`] = quantity
  }
  for (const name of ['cpu', 'memory', 'ephemeral-storage']) {
    const limit = limits[name]
    if (limit !== undefined) usage[`limits.${name}`] = limit
  }
  return usage
}

function matchesScope(pod: Pod, scope: ScopedResourceSelectorRequirement): boolean {
  const { spec } = pod
  const isTerminating = spec?.activeDeadlineSeconds !== undefined && spec.activeDeadlineSeconds >= 0
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating
    case 'NotTerminating':
      return !isTerminating
    case 'BestEffort':
      return qosClassOf(pod) === 'BestEffort'
    case 'NotBestEffort':
      return qosClassOf(pod) !== 'BestEffort'
    case 'PriorityClass':
      return matchesValue(scope, spec?.priorityClassName ? [spec.priorityClassName] : [])
    case 'CrossNamespacePodAffinity':
      return namesOtherNamespaces(pod)
    default:
      return false
  }
}

function namesOtherNamespaces({ spec }: Pod): boolean {
  return [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity].some((affinity) =>
    [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        ({ podAffinityTerm }) => podAffinityTerm,
      ),
    ].some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector),
  )
}

/** `must specify limits.cpu for: a,b; requests.memory for: a`. */
function constraintFault({ spec }: Pod, required: readonly string[]): string | undefined {
  const wanted = required.filter((name) => demanded.has(name)).sort()
  if (wanted.length === 0 || !spec) return undefined
  const podLevel = computeUsage(spec.resources?.requests ?? {}, spec.resources?.limits ?? {})
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  const faults = wanted
    .filter((name) => podLevel[name] === undefined)
    .map((name) => ({ name, containers: containers.filter((one) => !specifies(one, name)) }))
    .filter(({ containers: lacking }) => lacking.length > 0)
  if (faults.length === 0) return undefined
  const texts = faults.map(
    ({ name, containers: lacking }) =>
      `${name} for: ${lacking
        .map((one) => one.name)
        .sort()
        .join(',')}`,
  )
  return `must specify ${texts.join('; ')}`
}

function specifies({ resources }: Container, name: string): boolean {
  return computeUsage(resources?.requests ?? {}, resources?.limits ?? {})[name] !== undefined
}
