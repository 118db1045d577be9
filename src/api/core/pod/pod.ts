import type { Writable } from '../../../machinery/meta.ts'
import { formatTime } from '../../../machinery/time.ts'
import type { Creation, ResourceDefinition } from '../../definition.ts'
import type { Pod, PodStatus } from '../../generated/core.v1.ts'
import { pods } from '../../generated/resources.ts'
import { dropDisabledPodFields, dropDisabledStatusFields } from './disabled-fields.ts'
import { syncAppArmorAnnotations } from './app-armor-annotations.ts'
import { mergeLabelKeys } from './label-keys.ts'
import { podColumns } from './pod-columns.ts'
import { defaultPod } from './pod-defaults.ts'
import { validatePodStatusUpdate } from './pod-status-validation.ts'
import { validatePodUpdate } from './pod-update.ts'
import { validatePod } from './pod-validation.ts'
import { podWarnings } from './pod-warnings.ts'
import { qosClassOf } from './qos-class.ts'

export const podDefinition: ResourceDefinition<Pod> = {
  resource: pods,
  singular: 'pod',
  shortNames: ['po'],
  categories: ['all'],
  strategy: {
    defaults: defaultPod,
    prepareForCreate,
    prepareForUpdate: ({ spec }, previous) => dropDisabledPodFields(spec, previous.spec),
    validate: validatePod,
    validateUpdate: validatePodUpdate,
    validatesUpdateAlone: true,
    warnings: podWarnings,
    status: {
      prepareForUpdate(pod, previous) {
        // A kubelet that refuses a pod leaves the class out, which is the pod's own for life.
        const qosClass = pod.status?.qosClass || previous.status?.qosClass
        pod.status = { ...pod.status, ...(qosClass && { qosClass }) }
        dropDisabledStatusFields(pod.status, previous.status)
        keepObservedGenerations(pod.status, previous.status)
        // The kubelet's writes cannot take back a deletion that was asked for.
        delete pod.metadata?.deletionTimestamp
        if (previous.metadata?.deletionTimestamp)
          pod.metadata = { ...pod.metadata, deletionTimestamp: previous.metadata.deletionTimestamp }
      },
      validateUpdate: validatePodStatusUpdate,
    },
    graceSeconds,
  },
  columns: podColumns,
  selectableFields: ({ spec, status }) => ({
    'spec.nodeName': spec?.nodeName ?? '',
    // As it was called before v1.
    'spec.host': spec?.nodeName ?? '',
    'spec.restartPolicy': spec?.restartPolicy ?? '',
    'spec.schedulerName': spec?.schedulerName ?? '',
    'spec.serviceAccountName': spec?.serviceAccountName ?? '',
    'spec.hostNetwork': `${spec?.hostNetwork ?? false}`,
    'status.phase': status?.phase ?? '',
    'status.podIP': status?.podIP ?? '',
    // Known, but never compared with anything.
    'status.podIPs': '',
    'status.nominatedNodeName': status?.nominatedNodeName ?? '',
  }),
}

function prepareForCreate(pod: Writable<Pod>, { warn }: Creation): void {
  dropDisabledPodFields(pod.spec)
  pod.status = { phase: 'Pending', qosClass: qosClassOf(pod) }
  if (pod.spec?.schedulingGates?.length) {
    const lastTransitionTime = pod.metadata?.creationTimestamp ?? formatTime(0)
    pod.status.conditions = [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
        lastProbeTime: null,
        lastTransitionTime,
      },
    ]
  }
  mergeLabelKeys(pod)
  for (const warning of syncAppArmorAnnotations(pod)) warn(warning)
}

/** Those that do not know of observedGeneration leave what others wrote there. Of conditions of a type, in their order. */
function keepObservedGenerations(status: Writable<PodStatus>, previous: PodStatus | undefined): void {
  if (previous?.observedGeneration) status.observedGeneration ||= previous.observedGeneration
  const known = new Map<string, (number | undefined)[]>()
  for (const { type, observedGeneration } of previous?.conditions ?? [])
    known.set(type, [...(known.get(type) ?? []), observedGeneration])
  for (const condition of status.conditions ?? []) {
    const before = known.get(condition.type)?.shift()
    if (before) condition.observedGeneration ||= before
  }
}

/** A pod that runs nowhere, or no more, has nothing to end gracefully. */
function graceSeconds({ spec, status }: Pod, requested: number | undefined): number {
  if (!spec?.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0
  const seconds = requested ?? spec.terminationGracePeriodSeconds ?? 30
  return seconds < 0 ? 1 : seconds
}
