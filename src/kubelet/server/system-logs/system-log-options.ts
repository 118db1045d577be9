import type { KubeletOptions } from '../../options.ts'

export interface SystemLogOptions {
  /** Where the machine keeps its logs; `/var/log`. */
  readonly directory: string
  /** Whether services may be asked for by name (enableSystemLogQuery). */
  readonly isQueried: boolean
}

/** Which logs the API serves, as KubeletConfiguration says; none where pods are not on this machine. */
export function systemLogsOf(
  { configuration = {} }: KubeletOptions,
  usesHost: boolean,
): SystemLogOptions | undefined {
  const { enableSystemLogHandler = true, enableSystemLogQuery = false } = configuration
  return usesHost && enableSystemLogHandler
    ? { directory: '/var/log', isQueried: enableSystemLogQuery }
    : undefined
}
