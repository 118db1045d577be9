import type { Job, JobSpec, JobStatus } from '../../../api/generated/batch.v1.ts'
import type { Pod, PodPhase, PodStatus } from '../../../api/generated/core.v1.ts'
import type { ObjectMeta } from '../../../machinery/meta.ts'
import { aPod } from '../../testing/a-pod.ts'
import { trackingFinalizer } from '../job-pod.ts'

const labels = { 'batch.kubernetes.io/job-name': 'work' }

/** A job as the API server stores it. */
export function aJob(spec: Partial<JobSpec> = {}, status?: JobStatus, metadata: ObjectMeta = {}): Job {
  return {
    metadata: { namespace: 'default', name: 'work', uid: 'job-uid', ...metadata },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1,
      completionMode: 'NonIndexed',
      suspend: false,
      podReplacementPolicy: spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed',
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { restartPolicy: 'Never', containers: [{ name: 'app', image: 'app' }] },
      },
      ...spec,
    },
    ...(status && { status }),
  }
}

export interface JobPodOptions {
  readonly phase?: PodPhase
  readonly index?: number
  readonly failures?: number
  readonly status?: PodStatus
  readonly finishedAt?: string
  readonly exitCode?: number
  readonly isTracked?: boolean
  readonly isDeleting?: boolean
}

/** A pod of that job, for tests of plans. */
export function aJobPod(name: string, options: JobPodOptions = {}): Pod {
  const { phase = 'Running', index, failures, isTracked = true, isDeleting, finishedAt, exitCode } = options
  const terminated = finishedAt !== undefined || exitCode !== undefined
  const annotations = {
    ...(index !== undefined && { 'batch.kubernetes.io/job-completion-index': String(index) }),
    ...(failures !== undefined && { 'batch.kubernetes.io/job-index-failure-count': String(failures) }),
  }
  return aPod(name, {
    metadata: {
      labels,
      annotations,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(isTracked && { finalizers: [trackingFinalizer] }),
      ...(isDeleting && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    status: {
      phase,
      ...(terminated && { containerStatuses: [ended(exitCode, finishedAt)] }),
      ...options.status,
    },
  })
}

export function ended(exitCode = 1, finishedAt = '2026-01-01T00:00:00Z', name = 'app') {
  const state = { terminated: { exitCode, finishedAt } }
  return { name, image: '', imageID: '', ready: false, restartCount: 0, state }
}
