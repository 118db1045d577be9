import type { Container, EphemeralContainer, Pod } from '../../api/generated/core.v1.ts'

/** Any container of a pod, of whatever kind. */
export type AnyContainer = Container | EphemeralContainer

export type ContainerKind = 'init' | 'sidecar' | 'main' | 'ephemeral'

/** Annotations by which a static pod and its mirror in the API know each other. */
export const configHashAnnotation = 'kubernetes.io/config.hash'
export const configMirrorAnnotation = 'kubernetes.io/config.mirror'
export const configSourceAnnotation = 'kubernetes.io/config.source'
export const configSeenAnnotation = 'kubernetes.io/config.seen'

export function podUID(pod: Pod): string {
  return pod.metadata?.uid ?? ''
}

/** `name_namespace(uid)`: how upstream's messages name a pod. */
export function describePod(pod: Pod): string {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {}
  return `${name}_${namespace}(${uid})`
}

/** An init container that keeps running beside the main containers. */
export function isSidecar(container: AnyContainer): boolean {
  return container.restartPolicy === 'Always'
}

/** Every container of the spec with its kind, init containers first. */
export function containersOf(pod: Pod): readonly { container: AnyContainer; kind: ContainerKind }[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {}
  return [
    ...initContainers.map((container) => ({ container, kind: initKind(container) })),
    ...containers.map((container) => ({ container, kind: 'main' as const })),
    ...ephemeralContainers.map((container) => ({ container, kind: 'ephemeral' as const })),
  ]
}

function initKind(container: Container): ContainerKind {
  return isSidecar(container) ? 'sidecar' : 'init'
}

export function findContainer(pod: Pod, name: string) {
  return containersOf(pod).find(({ container }) => container.name === name)
}

/** Comes from a manifest on this machine, not from the API server. */
export function isStaticPod(pod: Pod): boolean {
  const source = pod.metadata?.annotations?.[configSourceAnnotation]
  return source !== undefined && source !== 'api'
}

/** Stands in the API server for a static pod. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata?.annotations?.[configMirrorAnnotation] !== undefined
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}
