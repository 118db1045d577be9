import { open, stat } from 'node:fs/promises'
import {
  terminationMessagePathAnnotation,
  terminationMessagePolicyAnnotation,
} from '../containers/container-config.ts'
import { readTail } from '../logs/read-tail.ts'
import type { ContainerStatus } from '../runtime/runtime.ts'

const maximumMessageBytes = 4096
const maximumLogBytes = 2048
const maximumLogLines = 80

/**
 * What an ended container left in its termination message file; where it left nothing, failed, and asked for it, the end
 * of its log. Undefined when there is neither. What cannot be read is told in the message, as upstream does.
 */
export async function readTerminationMessage(status: ContainerStatus): Promise<string | undefined> {
  const path = status.annotations[terminationMessagePathAnnotation]
  const mount = status.mounts.find(({ containerPath }) => containerPath === path)
  const message = mount && (await readStart(mount.hostPath))
  if (message) return message
  const policy = status.annotations[terminationMessagePolicyAnnotation]
  if (policy !== 'FallbackToLogsOnError' || status.exitCode === 0) return undefined
  try {
    return await readTail(status.logPath, maximumLogLines, maximumLogBytes)
  } catch (error) {
    return `Error reading termination message from logs: ${error instanceof Error ? error.message : String(error)}`
  }
}

async function readStart(path: string): Promise<string> {
  try {
    if ((await stat(path)).size === 0) return ''
    const file = await open(path, 'r')
    try {
      const { bytesRead, buffer } = await file.read(
        Buffer.alloc(maximumMessageBytes),
        0,
        maximumMessageBytes,
        0,
      )
      return buffer.subarray(0, bytesRead).toString()
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return ''
    return `Error on reading termination log ${path}: ${error instanceof Error ? error.message : String(error)}`
  }
}
