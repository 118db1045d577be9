import { isNotFound } from '../runtime/runtime-error.ts'
import type { ContainerRuntime, ContainerSummary, SandboxStatus, SandboxSummary } from '../runtime/runtime.ts'
import { newestFirst, type ObservedContainer, type PodObservation } from './observation.ts'
import { readTerminationMessage } from './termination-message.ts'

/** What was listed of one pod. */
export interface ListedPod {
  readonly sandboxes: readonly SandboxSummary[]
  readonly containers: readonly ContainerSummary[]
}

/**
 * All that the runtime has of a pod of which it has listed this. Statuses of `before` stand where their states are what
 * they were, but for the containers in `outdated`. Rejects with a RuntimeError.
 */
export async function readPod(
  runtime: ContainerRuntime,
  uid: string,
  { sandboxes, containers }: ListedPod,
  before: PodObservation | undefined,
  outdated: ReadonlySet<string>,
): Promise<PodObservation> {
  // What was there and is not listed any more is asked for by name: listings may be of the past.
  const missing = <T extends { readonly id: string }>(
    known: readonly T[],
    listed: readonly { readonly id: string }[],
  ) => known.filter(({ id }) => !listed.some((other) => other.id === id))
  const missingSandboxes = missing(before?.sandboxes ?? [], sandboxes)
  const missingContainers = missing(before?.containers ?? [], containers)

  /** The addresses of a sandbox do not change while its state does not. */
  async function sandboxStatus(summary: SandboxSummary): Promise<SandboxStatus | undefined> {
    const known = before?.sandboxes.find(({ id }) => id === summary.id)
    if (known && known.state === summary.state) return known
    return await foundSandbox(runtime, summary.id)
  }

  /** A container's status does not change while its state does not. */
  async function containerStatus(summary: ContainerSummary): Promise<ObservedContainer | undefined> {
    const known = before?.containers.find(({ id }) => id === summary.id)
    const stands = known?.state === summary.state && known.attempt === summary.attempt
    return stands && !outdated.has(summary.id) ? known : await foundContainer(runtime, summary)
  }

  const [sandboxStatuses, containerStatuses] = await Promise.all([
    Promise.all([
      ...sandboxes.map(sandboxStatus),
      ...missingSandboxes.map(({ id }) => foundSandbox(runtime, id)),
    ]),
    Promise.all([
      ...containers.map(containerStatus),
      ...missingContainers.map((known) => foundContainer(runtime, known)),
    ]),
  ])
  const first = sandboxes[0]
  const labels = containers[0]?.labels ?? {}
  return {
    uid,
    name: first?.name ?? labels['io.kubernetes.pod.name'] ?? before?.name ?? '',
    namespace: first?.namespace ?? labels['io.kubernetes.pod.namespace'] ?? before?.namespace ?? '',
    sandboxes: sandboxStatuses.filter((status) => status !== undefined).sort(newestFirst),
    containers: containerStatuses.filter((status) => status !== undefined).sort(newestFirst),
  }
}

/** Whether what was listed is what is known. */
export function isListed(known: PodObservation | undefined, { sandboxes, containers }: ListedPod): boolean {
  return (
    sandboxes.length === (known?.sandboxes.length ?? 0) &&
    containers.length === (known?.containers.length ?? 0) &&
    sandboxes.every(({ id, state }) =>
      known?.sandboxes.some((other) => other.id === id && other.state === state),
    ) &&
    containers.every(({ id, state, attempt }) =>
      known?.containers.some(
        (other) => other.id === id && other.state === state && other.attempt === attempt,
      ),
    )
  )
}

async function foundSandbox(runtime: ContainerRuntime, id: string): Promise<SandboxStatus | undefined> {
  return await runtime.sandboxStatus(id).catch(undefinedWhenGone)
}

async function foundContainer(
  runtime: ContainerRuntime,
  { id, sandboxID }: Pick<ContainerSummary, 'id' | 'sandboxID'>,
): Promise<ObservedContainer | undefined> {
  const status = await runtime.containerStatus(id).catch(undefinedWhenGone)
  if (status === undefined) return undefined
  const message = status.state === 'exited' ? await readTerminationMessage(status) : undefined
  return { ...status, sandboxID, ...(message !== undefined && { terminationMessage: message }) }
}

/** For `catch`: what the runtime does not know is not there. */
export function undefinedWhenGone(error: unknown): undefined {
  if (!isNotFound(error)) throw error
}
