import type { ContainerStatus, SandboxStatus } from '../runtime/runtime.ts'

export interface ObservedContainer extends ContainerStatus {
  readonly sandboxID: string
  /** What the container left in its termination message file; only of exited ones. */
  readonly terminationMessage?: string
}

/** All that the runtime holds of one pod. */
export interface PodObservation {
  readonly uid: string
  readonly name: string
  readonly namespace: string
  /** Newest first. */
  readonly sandboxes: readonly SandboxStatus[]
  /** Newest first. */
  readonly containers: readonly ObservedContainer[]
}

export function emptyObservation(uid: string, name: string, namespace: string): PodObservation {
  return { uid, name, namespace, sandboxes: [], containers: [] }
}

/** Orders sandboxes and containers newest first. */
export function newestFirst(
  a: { readonly createdAtMs: number; readonly attempt: number },
  b: { readonly createdAtMs: number; readonly attempt: number },
): number {
  return b.attempt - a.attempt || b.createdAtMs - a.createdAtMs
}

/** Instances of the named container, newest first. */
export function instancesOf(observed: PodObservation, name: string): readonly ObservedContainer[] {
  return observed.containers.filter((container) => container.name === name)
}

export function newestInstance(observed: PodObservation, name: string): ObservedContainer | undefined {
  return observed.containers.find((container) => container.name === name)
}

/** The sandbox that the pod's containers belong into: the newest one that is ready. */
export function currentSandbox(observed: PodObservation): SandboxStatus | undefined {
  return observed.sandboxes.find((sandbox) => sandbox.state === 'ready')
}

export function isAlive(container: ObservedContainer): boolean {
  return container.state === 'running' || container.state === 'unknown'
}
