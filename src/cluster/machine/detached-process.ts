import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { CommandError } from './command.ts'
import { identify, type ProcessIdentity } from './processes.ts'

export interface Launch {
  readonly program: string
  readonly args: readonly string[]
  /** Entered before the program starts (cgroups.ts, cgroupProcsFile). */
  readonly cgroupProcsFile?: string
  /** A network namespace to start in: `/run/netns/NAME`. */
  readonly networkNamespace?: string
}

export interface DetachedProcess extends Launch {
  /** Both outputs are appended here. */
  readonly logFile: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a program that lives on when this process ends, in a session of its own. */
export async function startDetached(options: DetachedProcess): Promise<ProcessIdentity> {
  mkdirSync(dirname(options.logFile), { recursive: true })
  const log = openSync(options.logFile, 'a', 0o600)
  try {
    const { program, args } = launch(options)
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
    })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', (error) => reject(new CommandError(options.program, undefined, '', error.message)))
    })
    child.unref()
    const identity = child.pid === undefined ? undefined : identify(child.pid)
    if (!identity) throw new CommandError(options.program, undefined, '', 'ended at once')
    return identity
  } finally {
    closeSync(log)
  }
}

/** The command line that starts a program in its cgroup and namespace. */
export function launch(options: Launch): { readonly program: string; readonly args: readonly string[] } {
  const { cgroupProcsFile = '', networkNamespace = '', program, args } = options
  return {
    program: 'sh',
    args: ['-c', launchScript, 'sh', cgroupProcsFile, networkNamespace, program, ...args],
  }
}

/** Each step replaces the one before: the process keeps its id. */
const launchScript = `
[ -z "$1" ] || echo $$ > "$1" || exit 1
namespace=$2
shift 2
if [ -n "$namespace" ]; then exec nsenter --net="$namespace" -- "$@"; else exec "$@"; fi
`
