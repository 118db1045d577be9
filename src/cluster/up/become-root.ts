import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { isInteractive } from '../cli/ask.ts'
import { CommandError, run } from '../machine/command.ts'
import { entryPoint } from '../entry-point.ts'
import { clustersHome } from '../state/cluster-folder.ts'

/**
 * Whether sudo makes us root: it asks for nothing, or whoever is at the terminal satisfies it. Says `why` before sudo is
 * seen to do anything.
 */
export async function canBecomeRoot(why?: string): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() === 0) return false
  const refusal = await sudoRefusal(['--non-interactive', 'true'], 'captured')
  const say = () => why !== undefined && process.stdout.write(`${why}\n`)
  if (!refusal) {
    say()
    return true
  }
  const isThere = refusal.exitCode !== undefined
  if (!isThere || /not allowed|not in the sudoers/.test(refusal.stderr) || !isInteractive()) return false
  say()
  // What sudo says to the password tells whether this user may: without this, its refusal would be the end of the command.
  return (await sudoRefusal(['--validate'], 'inherited')) === undefined
}

async function sudoRefusal(
  args: readonly string[],
  output: 'captured' | 'inherited',
): Promise<CommandError | undefined> {
  try {
    await run('sudo', args, { output })
    return undefined
  } catch (error) {
    if (error instanceof CommandError) return error
    throw error
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
