import type { Pod } from '../../api/generated/core.v1.ts'
import type { LifecycleHandler } from '../../api/generated/core.v1.ts'
import { preStopAnnotation } from '../containers/container-config.ts'
import type { PodEvents } from './events.ts'
import { runHook } from './lifecycle-hook.ts'
import type { ObservedContainer } from './observation.ts'
import type { KillContainer } from './plan/action.ts'
import { findContainer, type AnyContainer } from './pod.ts'
import type { PodServices } from './services.ts'

/** Whatever the deadline, a container is given this long between the stop signal and SIGKILL. */
const minimumGraceSeconds = 2

export interface KillInput {
  readonly services: PodServices
  readonly pod: Pod
  readonly action: KillContainer
  readonly instance: ObservedContainer
  readonly events: PodEvents
  /** Aborted when a more urgent kill takes over. */
  readonly signal: AbortSignal
}

/** Ends a container: preStop hook, stop signal, and SIGKILL at the deadline, which includes the hook. */
export async function killContainer(input: KillInput): Promise<void> {
  const { services, pod, action, instance, events, signal } = input
  const { clock, runtime } = services
  const deadline = clock.monotonic() + action.graceSeconds * 1000
  const named = findContainer(pod, action.name)
  events.normal('Killing', action.message ?? `Stopping container ${action.name}`, named)

  const preStop = named?.container.lifecycle?.preStop ?? preStopOf(instance)
  if (preStop && action.graceSeconds > 0) {
    await runPreStop(input, preStop, named?.container ?? { name: action.name }, deadline)
  }
  if (signal.aborted) return
  const left = Math.max(0, deadline - clock.monotonic()) / 1000
  await runtime.stopContainer(instance.id, Math.max(minimumGraceSeconds, Math.round(left)))
}

/** The hook of a container whose pod the kubelet does not know any more stands in its annotations. */
function preStopOf(instance: ObservedContainer): LifecycleHandler | undefined {
  const json = instance.annotations[preStopAnnotation]
  if (json === undefined) return undefined
  try {
    return JSON.parse(json) as LifecycleHandler
  } catch {
    // Not written by a kubelet: there is no hook to run.
    return undefined
  }
}

async function runPreStop(
  { services, events, instance, signal, pod }: KillInput,
  handler: LifecycleHandler,
  container: AnyContainer,
  deadline: number,
): Promise<void> {
  const { clock, runtime, observer, node } = services
  const observed = observer.get(pod.metadata?.uid ?? '')
  const sandbox = observed.sandboxes.find(({ id }) => id === instance.sandboxID)
  const podIP = sandbox?.ips[0] ?? node.hostIPs()[0] ?? ''
  const named = findContainer(pod, container.name)
  const abort = new AbortController()
  const stop = () => abort.abort(new Error('grace period is over'))
  const cancel = clock.after(Math.max(0, deadline - clock.monotonic()), stop)
  signal.addEventListener('abort', stop, { once: true })
  const over = new Promise<void>((resolve) => abort.signal.addEventListener('abort', () => resolve()))
  try {
    await Promise.race([
      runHook(runtime, clock, handler, { container, containerID: instance.id, podIP }, abort.signal),
      over,
    ])
  } catch (error) {
    if (abort.signal.aborted) return
    const words = error instanceof Error ? error.message : String(error)
    events.warning('FailedPreStopHook', `PreStopHook failed: ${words}`, named)
  } finally {
    cancel()
    signal.removeEventListener('abort', stop)
  }
}
