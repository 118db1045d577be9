import type { Pod } from '../../../api/generated/core.v1.ts'
import { configSourceAnnotation } from '../../pods/pod.ts'

/** The path of the file with the id of the process that the pod stands for. */
export const processAnnotation = 'k8ts.io/process'
/** The path of the process's log. */
export const logAnnotation = 'k8ts.io/log'
/** The address of the pod; the node's when absent. */
export const addressAnnotation = 'k8ts.io/address'

/** The pod's containers are a process of this machine that somebody else starts. Only manifests may say so. */
export function isProcessPod(pod: Pod): boolean {
  const annotations = pod.metadata?.annotations
  return annotations?.[processAnnotation] !== undefined && annotations[configSourceAnnotation] === 'file'
}
