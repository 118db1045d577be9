import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'

export interface ProgramResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  /** Default 60 s. */
  readonly timeoutMs?: number
}

/** Runs a program to its end, whatever its exit code. */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  const running = startProgram(program, args, options)
  running.child.stdin.end(options.stdin ?? '')
  return running.ended
}

export interface RunningProgram {
  readonly child: ChildProcessWithoutNullStreams
  /** What it wrote until now. */
  stdout(): string
  stderr(): string
  readonly ended: Promise<ProgramResult>
}

/** Starts a program that is spoken to while it runs. */
export function startProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions = {},
): RunningProgram {
  const child = spawn(program, args, {
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
  })
  child.stdin.on('error', () => {})
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<ProgramResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (signal) stderr += `\n(ended by ${signal})`
      resolve({ exitCode: code ?? -1, stdout, stderr })
    })
  })
  return { child, stdout: () => stdout, stderr: () => stderr, ended }
}
