import type { Cancel, Clock } from '../../machinery/clock.ts'
import type { ContainerRuntime, RuntimeCondition, RuntimeStatus } from './runtime.ts'

/** Whether the runtime and its network are ready: asked rarely while they are, often while they are not. */
export interface RuntimeMonitor {
  readonly status: RuntimeStatus | undefined
  /** Why pods cannot be started, in upstream's words; undefined when they can. */
  readonly runtimeProblem: string | undefined
  readonly networkProblem: string | undefined
  /** Resolves when the network is ready. Rejects with the signal's reason. */
  networkReady(signal: AbortSignal): Promise<void>
  /** Asks now. */
  check(): Promise<void>
  stop(): void
}

export interface RuntimeMonitorOptions {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  /** Readiness has changed. */
  readonly onChange: () => void
}

const readyPeriodMs = 10_000
const unreadyPeriodMs = 200

export function createRuntimeMonitor({ runtime, clock, onChange }: RuntimeMonitorOptions): RuntimeMonitor {
  let status: RuntimeStatus | undefined
  let runtimeProblem: string | undefined = 'container runtime status check may not have completed yet'
  let networkProblem: string | undefined = 'network is not known yet'
  let stopped = false
  let cancel: Cancel = () => {}
  let waiters: (() => void)[] = []

  async function check(): Promise<void> {
    const before = `${runtimeProblem}\n${networkProblem}`
    try {
      status = await runtime.status()
      runtimeProblem = problem(status, 'RuntimeReady', 'container runtime not ready')
      networkProblem = problem(status, 'NetworkReady', 'container runtime network not ready')
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error)
      runtimeProblem = `container runtime is down: ${words}`
    }
    if (networkProblem === undefined && runtimeProblem === undefined) {
      for (const resolve of waiters) resolve()
      waiters = []
    }
    if (before !== `${runtimeProblem}\n${networkProblem}`) onChange()
    cancel()
    const periodMs =
      runtimeProblem === undefined && networkProblem === undefined ? readyPeriodMs : unreadyPeriodMs
    if (!stopped) cancel = clock.after(periodMs, () => void check())
  }

  return {
    get status() {
      return status
    },
    get runtimeProblem() {
      return runtimeProblem
    },
    get networkProblem() {
      return networkProblem
    },
    networkReady(signal) {
      if (networkProblem === undefined && runtimeProblem === undefined) return Promise.resolve()
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
        waiters.push(resolve)
      })
    },
    check,
    stop() {
      stopped = true
      cancel()
    },
  }
}

function problem(status: RuntimeStatus, type: string, prefix: string): string | undefined {
  const condition = status.conditions.find((condition: RuntimeCondition) => condition.type === type)
  if (condition?.ready) return undefined
  const { reason = '', message = '' } = condition ?? {}
  return `${prefix}: ${type}=false reason:${reason} message:${message}`
}
