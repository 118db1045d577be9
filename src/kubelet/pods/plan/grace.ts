import type { Pod, Probe } from '../../../api/generated/core.v1.ts'

const defaultGraceSeconds = 30

export function terminationGraceSeconds(pod: Pod): number {
  return pod.spec?.terminationGracePeriodSeconds ?? defaultGraceSeconds
}

/** A probe may give the container it condemns another grace period than the pod has. */
export function probeGraceSeconds(pod: Pod, probe: Probe | undefined): number {
  return probe?.terminationGracePeriodSeconds ?? terminationGraceSeconds(pod)
}
