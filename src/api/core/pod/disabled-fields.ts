import type { KubernetesObject, Writable } from '../../../machinery/meta.ts'
import type { PodSpec, PodStatus, PodTemplateSpec } from '../../generated/core.v1.ts'

/**
 * What pods say with a feature that is off is dropped, unless it stood there before: groups of pods that are scheduled
 * together (GenericWorkload). Source: kubernetes/pkg/api/pod, DropDisabledPodFields and DropDisabledTemplateFields.
 */
export function dropDisabledPodFields(spec: Writable<PodSpec> | undefined, previous?: PodSpec): void {
  if (spec && !previous?.schedulingGroup) delete spec.schedulingGroup
}

/** The same of their status: what devices take of a node's own resources (DRANodeAllocatableResources). */
export function dropDisabledStatusFields(status: Writable<PodStatus>, previous: PodStatus | undefined): void {
  if (!previous?.nodeAllocatableResourceClaimStatuses?.length)
    delete status.nodeAllocatableResourceClaimStatuses
}

interface Templated extends KubernetesObject {
  readonly spec?: { readonly template?: PodTemplateSpec }
}

/** For the strategies of kinds that make pods from `spec.template`. */
export const droppingDisabledFields = {
  prepareForCreate: ({ spec }: Writable<Templated>) => dropDisabledPodFields(spec?.template?.spec),
  prepareForUpdate: ({ spec }: Writable<Templated>, previous: Templated) =>
    dropDisabledPodFields(spec?.template?.spec, previous.spec?.template?.spec),
}
