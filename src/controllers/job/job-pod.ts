import type { Job } from '../../api/generated/batch.v1.ts'
import type { Container, Pod, PodSpec } from '../../api/generated/core.v1.ts'
import { jobs } from '../../api/generated/resources.ts'
import { generatedNameMaxLength } from '../../machinery/names.ts'
import { identityOf } from '../ownership/identity.ts'
import { podFromTemplate } from '../pods/pod-from-template.ts'
import { hasLimitPerIndex } from './job-spec.ts'
import { matchFailurePolicy } from './pod-failure-policy.ts'

/** Keeps a pod until it has been counted. */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
/** Label and annotation. */
const completionIndexKey = 'batch.kubernetes.io/job-completion-index'
const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count'
const ignoredFailureCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count'
const indexVariable = 'JOB_COMPLETION_INDEX'
const randomSuffixLength = 5

export function isTracked({ metadata }: Pod): boolean {
  return metadata?.finalizers?.includes(trackingFinalizer) === true
}

/** Undefined for pods that have none, or none that can be. */
export function completionIndexOf({ metadata }: Pod): number | undefined {
  const text = metadata?.annotations?.[completionIndexKey]
  return text !== undefined && /^\+?\d+$/.test(text) ? Number(text) : undefined
}

/** How many pods of the pod's index failed before it and count towards the limit. */
export function indexFailureCount(pod: Pod): number {
  return countIn(pod, failureCountAnnotation)
}

/** As indexFailureCount, with the failures that the pod failure policy ignores. */
export function absoluteIndexFailureCount(pod: Pod): number {
  return indexFailureCount(pod) + countIn(pod, ignoredFailureCountAnnotation)
}

function countIn({ metadata }: Pod, annotation: string): number {
  const text = metadata?.annotations?.[annotation]
  const count = text !== undefined && /^\+?\d+$/.test(text) ? Number(text) : 0
  return count < 2 ** 31 ? count : 0
}

/** A new pod of the job, for the index where it has indexes; `replaced` is the failed pod whose place it takes. */
export function newJobPod(job: Job, index?: number, replaced?: Pod): Pod {
  const pod = podFromTemplate(job.spec?.template ?? {}, job, jobs)
  const { finalizers = [] } = pod.metadata ?? {}
  const metadata = {
    ...pod.metadata,
    finalizers: finalizers.includes(trackingFinalizer) ? finalizers : [...finalizers, trackingFinalizer],
  }
  if (index === undefined) return { ...pod, metadata }
  const { name } = identityOf(job)
  const mark = { [completionIndexKey]: String(index) }
  return {
    ...pod,
    metadata: {
      ...metadata,
      generateName: indexedNamePrefix(name, index),
      labels: { ...metadata.labels, ...mark },
      annotations: { ...metadata.annotations, ...mark, ...failureCounts(job, replaced) },
    },
    ...(pod.spec && { spec: { ...withIndexVariable(pod.spec), hostname: `${name}-${index}` } }),
  }
}

/** The job's name, cut where needed, and the index. */
function indexedNamePrefix(jobName: string, index: number): string {
  const suffix = `-${index}-`
  return jobName.slice(0, generatedNameMaxLength - randomSuffixLength - suffix.length) + suffix
}

function failureCounts(job: Job, replaced: Pod | undefined): Readonly<Record<string, string>> {
  if (!hasLimitPerIndex(job)) return {}
  let failures = replaced ? indexFailureCount(replaced) : 0
  let ignored = replaced ? absoluteIndexFailureCount(replaced) - failures : 0
  if (replaced) {
    if (matchFailurePolicy(job.spec?.podFailurePolicy, replaced).counts) failures++
    else ignored++
  }
  return {
    [failureCountAnnotation]: String(failures),
    ...(ignored > 0 && { [ignoredFailureCountAnnotation]: String(ignored) }),
  }
}

function withIndexVariable(spec: PodSpec): PodSpec {
  const { initContainers, containers } = spec
  return {
    ...spec,
    ...(initContainers && { initContainers: initContainers.map(addIndexVariable) }),
    containers: containers.map(addIndexVariable),
  }
}

function addIndexVariable(container: Container): Container {
  const { env = [] } = container
  if (env.some(({ name }) => name === indexVariable)) return container
  const fieldPath = `metadata.labels['${completionIndexKey}']`
  return { ...container, env: [...env, { name: indexVariable, valueFrom: { fieldRef: { fieldPath } } }] }
}
