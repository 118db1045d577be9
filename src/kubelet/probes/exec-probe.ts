import type { ExecAction } from '../../api/generated/core.v1.ts'
import { isRuntimeError } from '../runtime/runtime-error.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import { failed, succeeded, type ProbeOutcome } from './probe-outcome.ts'

const maximumOutputBytes = 10 * 1024

/** Runs a command in the container; exit code 0 is success, a command that takes too long is a failure. */
export async function probeExec(
  runtime: ContainerRuntime,
  containerID: string,
  action: ExecAction,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  try {
    const { stdout, stderr, exitCode } = await runtime.execSync(
      containerID,
      action.command ?? [],
      timeoutMs / 1000,
    )
    const output = Buffer.concat([stdout, stderr]).subarray(0, maximumOutputBytes).toString()
    return exitCode === 0 ? succeeded(output) : failed(output)
  } catch (error) {
    if (isRuntimeError(error, 'deadlineExceeded')) {
      const command = (action.command ?? []).join(' ')
      return failed(`command timed out: "${command}" timed out after ${timeoutMs / 1000}s`)
    }
    return { result: 'error', output: error instanceof Error ? error.message : String(error) }
  }
}
