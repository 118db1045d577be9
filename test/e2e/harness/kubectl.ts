import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.ts'
import {
  runProgram,
  startProgram,
  type ProgramOptions,
  type ProgramResult,
  type RunningProgram,
} from './program.ts'

/** An unmodified kubectl, speaking to one cluster. */
export interface Kubectl {
  readonly release: 'old' | 'new'
  /** What it prints; throws when it fails. */
  (args: readonly string[], options?: ProgramOptions): Promise<string>
  /** Its exit code and outputs, whatever they are. */
  result(args: readonly string[], options?: ProgramOptions): Promise<ProgramResult>
  start(args: readonly string[], options?: ProgramOptions): RunningProgram
  json<T>(args: readonly string[]): Promise<T>
  /** Applies objects; they may be of any kind. */
  apply(...objects: readonly object[]): Promise<string>
}

export function createKubectl(release: 'old' | 'new', program: string, kubeconfig: string): Kubectl {
  const withEnvironment = (options: ProgramOptions = {}): ProgramOptions => ({
    ...options,
    env: { KUBECONFIG: kubeconfig, HOME: join(kubeconfig, '..'), ...options.env },
  })
  const result = (args: readonly string[], options?: ProgramOptions) =>
    runProgram(program, args, withEnvironment(options))
  const kubectl = async (args: readonly string[], options?: ProgramOptions) => {
    const { exitCode, stdout, stderr } = await result(args, options)
    assert.equal(exitCode, 0, `kubectl ${args.join(' ')}: ${stderr.trim()}`)
    return stdout
  }
  return Object.assign(kubectl, {
    release,
    result,
    start: (args: readonly string[], options?: ProgramOptions) =>
      startProgram(program, args, withEnvironment(options)),
    json: async <T>(args: readonly string[]) => JSON.parse(await kubectl([...args, '-o', 'json'])) as T,
    apply: (...items: readonly object[]) =>
      kubectl(['apply', '-f', '-'], { stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) }),
  })
}

/** The kubectls that this machine has: those that scripts/test.ts fetched, else the one on PATH. */
export function kubectlPrograms(): Partial<Record<'old' | 'new', string>> {
  const fetched = (release: 'old' | 'new') => {
    const program =
      process.env[`K8TS_TEST_KUBECTL_${release.toUpperCase()}`] ||
      join(root, '.cache', `kubectl-${release}`, 'usr/bin/kubectl')
    return existsSync(program) ? program : undefined
  }
  const [older, newer] = [fetched('old'), fetched('new')]
  return { ...(older && { old: older }), ...(newer && { new: newer }) }
}
