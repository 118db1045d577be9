import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { isInteractive } from '../cli/ask.ts'
import { CommandError, run } from '../machine/command.ts'
import { entryPoint } from '../entry-point.ts'
import { clustersHome } from '../state/cluster-folder.ts'

/** Whether sudo can make us root: it asks for nothing, or there is somebody to ask. */
export async function canBecomeRoot(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() === 0) return false
  try {
    await run('sudo', ['--non-interactive', 'true'])
    return true
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const isThere = error.exitCode !== undefined
    const refuses = /not allowed|not in the sudoers/.test(error.stderr)
    return isThere && !refuses && isInteractive()
  }
}

/** Runs this same command line again as root, on the same clusters; resolves with its exit code. */
export async function runAsRoot(args: readonly string[]): Promise<number> {
  const kept = ['PATH', 'NODE_COMPILE_CACHE', 'KUBECONFIG', 'TERM'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [`${name}=${value}`]
  })
  const child = spawn(
    'sudo',
    [
      'env',
      ...kept,
      `K8TS_HOME=${clustersHome()}`,
      process.execPath,
      ...process.execArgv,
      entryPoint('k8ts'),
      ...args,
    ],
    { stdio: 'inherit' },
  )
  // The terminal sends Ctrl-C to both; the one that does the work decides what it means.
  const ignore = () => {}
  process.on('SIGINT', ignore)
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return code ?? 128 + (signal ? constants.signals[signal] : 0)
}
