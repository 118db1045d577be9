import type { EventRecorder } from '../../client/event-recorder.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { configHashAnnotation, isStaticPod, type AnyContainer, type ContainerKind } from './pod.ts'

/** Events about a pod and its containers, in upstream's words. */
export interface PodEvents {
  normal(reason: string, message: string, container?: NamedContainer): void
  warning(reason: string, message: string, container?: NamedContainer): void
}

export interface NamedContainer {
  readonly container: AnyContainer
  readonly kind: ContainerKind
}

const specFields: Readonly<Record<ContainerKind, string>> = {
  init: 'initContainers',
  sidecar: 'initContainers',
  main: 'containers',
  ephemeral: 'ephemeralContainers',
}

/** Events about a static pod are about its mirror: same name, with the hash of the manifest as uid. */
export function podEvents(recorder: EventRecorder, pod: Pod): PodEvents {
  const hash = pod.metadata?.annotations?.[configHashAnnotation]
  const uid = isStaticPod(pod) ? hash : pod.metadata?.uid
  const about: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...pod.metadata, ...(uid !== undefined && { uid }) },
  }
  const write =
    (type: 'Normal' | 'Warning') =>
    (reason: string, message: string, named?: NamedContainer): void =>
      recorder.event(
        about,
        type,
        reason,
        message,
        named && { fieldPath: `spec.${specFields[named.kind]}{${named.container.name}}` },
      )
  return { normal: write('Normal'), warning: write('Warning') }
}
