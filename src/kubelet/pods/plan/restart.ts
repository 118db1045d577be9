import { createHash } from 'node:crypto'
import type { ContainerRestartRule, Pod } from '../../../api/generated/core.v1.ts'
import type { ObservedContainer } from '../observation.ts'
import { isSidecar, type AnyContainer } from '../pod.ts'

/** Labels and annotations of containers are how the kubelet knows them again after a restart. */
export const containerHashAnnotation = 'io.kubernetes.container.hash'

/** Of what makes a running container another one: its name and image, as upstream since 1.31. */
export function containerHash(container: AnyContainer): string {
  const text = JSON.stringify([container.name, container.image ?? ''])
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

/** The image in the spec is another one than the instance was made from. */
export function isDefinitionChanged(container: AnyContainer, instance: ObservedContainer): boolean {
  const hash = instance.annotations[containerHashAnnotation]
  return hash !== undefined && hash !== containerHash(container)
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

/** The policy of one container: its own, else the pod's. */
function restartPolicyOf(pod: Pod, container: AnyContainer): RestartPolicy {
  const own = container.restartPolicy
  if (own === 'Always' || own === 'OnFailure' || own === 'Never') return own
  const policy = pod.spec?.restartPolicy
  return policy === 'OnFailure' || policy === 'Never' ? policy : 'Always'
}

/** Whether a container that ended with `exitCode` is to run again. */
export function restartsAfter(pod: Pod, container: AnyContainer, exitCode: number, isInit = false): boolean {
  if (restartRule(container, exitCode)) return true
  switch (restartPolicyOf(pod, container)) {
    case 'Always':
      return !isInit || isSidecar(container) || exitCode !== 0
    case 'OnFailure':
      return exitCode !== 0
    case 'Never':
      return false
  }
}

/** The pod's status tells the end of a container that the runtime has forgotten, and that is not to run again. */
export function hasEndedForGood(pod: Pod, container: AnyContainer): boolean {
  const status = pod.status?.containerStatuses?.find(({ name }) => name === container.name)
  const terminated = status?.state?.terminated
  return terminated !== undefined && !restartsAfter(pod, container, terminated.exitCode)
}

/** What the container is to do after it ended with `exitCode`, where a rule says so: the first that matches. */
export function restartRule(container: AnyContainer, exitCode: number): ContainerRestartRule | undefined {
  return container.restartPolicyRules?.find(({ exitCodes }) => {
    if (!exitCodes) return false
    const listed = (exitCodes.values ?? []).includes(exitCode)
    return exitCodes.operator === 'In' ? listed : !listed
  })
}
