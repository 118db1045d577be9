import { rm } from 'node:fs/promises'
import type { Pod } from '../../api/generated/core.v1.ts'
import { removeLogs } from '../logs/remove-logs.ts'
import type { PreparedVolumes } from '../volumes/volume-manager.ts'
import { createSandbox } from './create-sandbox.ts'
import type { PodEvents } from './events.ts'
import { killContainer } from './kill-container.ts'
import type { Action, StartContainer } from './plan/action.ts'
import type { WritablePodMemory } from './pod-memory.ts'
import { findContainer } from './pod.ts'
import { resizeContainer, resizePod } from './resize-container.ts'
import type { PodServices } from './services.ts'
import { logLink, startContainer } from './start-container.ts'

export interface ActionContext {
  readonly services: PodServices
  readonly pod: Pod
  /** Resolves when the pod's volumes are there; absent when it is to have none any more. */
  readonly volumes: Promise<PreparedVolumes> | undefined
  readonly memory: WritablePodMemory
  readonly events: PodEvents
  readonly signal: AbortSignal
}

/** Does one thing of a plan. Rejects when it could not be done, or with the signal's reason. */
export async function performAction(context: ActionContext, action: Action): Promise<void> {
  const { services, pod, memory, events, signal } = context
  const { runtime } = services
  switch (action.type) {
    case 'createSandbox':
      if (action.attempt > 0) {
        events.normal('SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
      }
      await createSandbox(services, pod, action.attempt, signal)
      memory.applied.whole = pod.spec?.resources ?? {}
      return
    case 'stopSandbox':
      return await runtime.stopSandbox(action.sandboxID)
    case 'removeSandbox':
      return await runtime.removeSandbox(action.sandboxID)
    case 'removeContainer':
      return await removeContainer(context, action)
    case 'killContainer': {
      const instance = instanceOf(context, action.containerID)
      if (!instance) return
      return await killContainer({ services, pod, action, instance, events, signal })
    }
    case 'resizeContainer': {
      const { resources = {} } = findContainer(pod, action.name)?.container ?? {}
      await resizeContainer({ services, pod, applied: memory.applied }, action.name, action.containerID)
      memory.applied.containers.set(action.containerID, resources)
      return
    }
    case 'resizePod':
      await resizePod({ services, pod, applied: memory.applied })
      memory.applied.whole = pod.spec?.resources ?? {}
      return
    case 'startContainer':
      return await start(context, action)
  }
}

function observedOf({ services, pod }: ActionContext) {
  return services.observer.get(pod.metadata?.uid ?? '')
}

function instanceOf(context: ActionContext, containerID: string) {
  return observedOf(context).containers.find(({ id }) => id === containerID)
}

/** With its logs. */
async function removeContainer(
  context: ActionContext,
  { containerID, name }: { readonly containerID: string; readonly name: string },
): Promise<void> {
  const { runtime, paths } = context.services
  const instance = instanceOf(context, containerID)
  await runtime.removeContainer(containerID)
  if (!instance || !runtime.usesHost) return
  await removeLogs(instance.logPath)
  const links = paths.containerLogsDirectory
  if (links) await rm(logLink(links, context.pod, name, containerID), { force: true })
}

async function start(context: ActionContext, action: StartContainer): Promise<void> {
  const { services, pod, volumes, memory, events, signal } = context
  const sandbox = observedOf(context).sandboxes.find(({ id }) => id === action.sandboxID)
  if (!sandbox || !volumes) return
  const { resources = {} } = findContainer(pod, action.name)?.container ?? {}
  const containerID = await startContainer({ services, pod, action, sandbox, events, volumes, signal })
  memory.applied.containers.set(containerID, resources)
}
