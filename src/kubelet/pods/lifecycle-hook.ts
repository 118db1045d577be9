import type { LifecycleHandler } from '../../api/generated/core.v1.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import { probeHttp } from '../probes/http-probe.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import type { AnyContainer } from './pod.ts'

export interface HookTarget {
  readonly container: AnyContainer
  readonly containerID: string
  readonly podIP: string
}

/** A hook of its own did not succeed; the message is for the event. */
export class HookError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'HookError'
  }
}

const httpTimeoutMs = 30_000

/** Runs a postStart or preStop hook to its end. Rejects with HookError, or with the signal's reason. */
export async function runHook(
  runtime: ContainerRuntime,
  clock: Clock,
  handler: LifecycleHandler,
  target: HookTarget,
  signal: AbortSignal,
): Promise<void> {
  const { container, containerID, podIP } = target
  if (handler.exec) {
    const { exitCode, stdout, stderr } = await runtime
      .execSync(containerID, handler.exec.command ?? [], 0)
      .catch((error: unknown) => {
        throw new HookError(error instanceof Error ? error.message : String(error))
      })
    if (exitCode === 0) return
    const output = Buffer.concat([stdout, stderr]).toString()
    throw new HookError(
      `command '${(handler.exec.command ?? []).join(' ')}' exited with ${exitCode}: ${output}`,
    )
  }
  if (handler.httpGet) {
    if (!runtime.usesHost) return
    const { result, output } = await probeHttp(handler.httpGet, container, podIP, httpTimeoutMs)
    if (result === 'failure' || result === 'error') throw new HookError(output)
    return
  }
  if (handler.sleep) return await sleep(clock, (handler.sleep.seconds ?? 0) * 1000, signal)
  throw new HookError('invalid handler: tcpSocket and empty handlers are not supported')
}
