import type { ContainerStatus, Pod } from '../../api/generated/core.v1.ts'
import { instancesOf, type ObservedContainer } from '../pods/observation.ts'
import { findContainer } from '../pods/pod.ts'
import type { PodServices } from '../pods/services.ts'
import { HttpError } from './http-error.ts'
import type { ServerContext } from './server-context.ts'

export interface FoundContainer {
  readonly pod: Pod
  readonly services: PodServices
  readonly instance: ObservedContainer
}

export function findPod(context: ServerContext, namespace: string, name: string, uid?: string): Pod {
  const pod = context.find(namespace, name)
  if (!pod || (uid !== undefined && pod.metadata?.uid !== uid)) throw new HttpError(404, 'pod does not exist')
  return pod
}

/** The running instance of a container, to run a command in or attach to. */
export function runningContainer(context: ServerContext, pod: Pod, name: string): FoundContainer {
  const services = context.servicesOf(pod)
  const { uid = '' } = pod.metadata ?? {}
  const [instance] = instancesOf(services.observer.get(uid), name)
  if (!instance || instance.state !== 'running') throw new HttpError(404, `container not found ("${name}")`)
  return { pod, services, instance }
}

/** The instance of a container whose log is asked for; words as upstream's validateContainerLogStatus. */
export function loggedContainer(
  context: ServerContext,
  namespace: string,
  podName: string,
  name: string,
  previous: boolean,
): FoundContainer {
  const pod = context.find(namespace, podName)
  if (!pod) throw new HttpError(404, `pod "${podName}" does not exist\n`)
  if (!findContainer(pod, name)) {
    throw new HttpError(404, `container "${name}" not found in pod "${podName}"\n`)
  }
  const services = context.servicesOf(pod)
  const instances = instancesOf(services.observer.get(pod.metadata?.uid ?? ''), name).filter(
    ({ state }) => state !== 'created',
  )
  const waiting = statusOf(pod, name)?.state?.waiting?.reason
  // While it waits to start again, its last run is what users want to see.
  const isBetween = instances[0]?.state === 'exited' && waiting !== undefined
  const instance = previous ? (isBetween ? instances[0] : instances[1]) : instances[0]
  if (instance) return { pod, services, instance }
  if (previous) {
    throw new HttpError(400, `previous terminated container "${name}" in pod "${podName}" not found`)
  }
  const words = waiting === undefined ? 'is not available' : waitingWords(name, podName, waiting)
  throw new HttpError(400, words)
}

function waitingWords(name: string, podName: string, reason: string): string {
  const failed = ['ErrImagePull', 'ImagePullBackOff', 'ErrImageNeverPull', 'InvalidImageName']
  if (reason === 'ErrImagePull') {
    return `container "${name}" in pod "${podName}" is waiting to start: image can't be pulled`
  }
  if (failed.includes(reason)) {
    return `container "${name}" in pod "${podName}" is waiting to start: trying and failing to pull image`
  }
  return `container "${name}" in pod "${podName}" is waiting to start: ${reason}`
}

function statusOf({ status }: Pod, name: string): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = status ?? {}
  return [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses].find(
    (status) => status.name === name,
  )
}
