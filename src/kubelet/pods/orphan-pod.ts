import type { Pod } from '../../api/generated/core.v1.ts'
import { terminationGraceAnnotation } from '../containers/container-config.ts'
import type { PodObservation } from './observation.ts'

/** What can still be said of a pod that only the runtime knows, from the labels and annotations of what it left. */
export function orphanPod(observed: PodObservation): Pod {
  const graces = observed.containers
    .map(({ annotations }) => Number(annotations[terminationGraceAnnotation]))
    .filter((seconds) => Number.isInteger(seconds) && seconds >= 0)
  const names = new Set(observed.containers.map(({ name }) => name))
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: observed.name,
      namespace: observed.namespace,
      uid: observed.uid,
      annotations: observed.sandboxes[0]?.annotations ?? {},
    },
    spec: {
      containers: Array.from(names, (name) => ({ name })),
      ...(graces.length > 0 && { terminationGracePeriodSeconds: Math.max(...graces) }),
    },
  }
}
