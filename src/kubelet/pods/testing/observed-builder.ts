import type { SandboxStatus } from '../../runtime/runtime.ts'
import { newestFirst, type ObservedContainer, type PodObservation } from '../observation.ts'

export function aSandbox(id: string, sandbox: Partial<SandboxStatus> = {}): SandboxStatus {
  return {
    id,
    name: 'pod',
    namespace: 'default',
    uid: 'uid',
    attempt: 0,
    state: 'ready',
    createdAtMs: 1000,
    labels: {},
    annotations: {},
    ips: ['10.0.0.2'],
    network: 'pod',
    ...sandbox,
  }
}

/** A running container in sandbox `s0`; its id is its name and attempt. */
export function anInstance(name: string, instance: Partial<ObservedContainer> = {}): ObservedContainer {
  const attempt = instance.attempt ?? 0
  return {
    id: `${name}-${attempt}`,
    sandboxID: 's0',
    name,
    attempt,
    state: 'running',
    createdAtMs: 2000 + attempt,
    labels: {},
    annotations: {},
    reference: `test://${name}-${attempt}`,
    image: 'image',
    imageRef: 'sha256:image',
    startedAtMs: 3000,
    finishedAtMs: 0,
    exitCode: 0,
    reason: '',
    message: '',
    logPath: '',
    mounts: [],
    ...instance,
  }
}

export function anEnded(name: string, exitCode: number, instance: Partial<ObservedContainer> = {}) {
  return anInstance(name, {
    state: 'exited',
    exitCode,
    finishedAtMs: 4000,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    ...instance,
  })
}

export function observation(
  sandboxes: readonly SandboxStatus[],
  containers: readonly ObservedContainer[] = [],
): PodObservation {
  return {
    uid: 'uid',
    name: 'pod',
    namespace: 'default',
    sandboxes: sandboxes.toSorted(newestFirst),
    containers: containers.toSorted(newestFirst),
  }
}
