import { spawn, type ChildProcess } from 'node:child_process'

/** A program that could not be started or ended with a status other than 0. */
export class CommandError extends Error {
  readonly program: string
  /** Undefined when the program could not be started or was ended by a signal. */
  readonly exitCode: number | undefined
  readonly stderr: string

  constructor(program: string, exitCode: number | undefined, stderr: string, why: string) {
    super(`${program}: ${stderr.trim().split('\n').slice(-3).join('; ') || why}`)
    this.name = 'CommandError'
    this.program = program
    this.exitCode = exitCode
    this.stderr = stderr
  }
}

export interface RunOptions {
  readonly stdin?: string | AsyncIterable<Uint8Array>
  readonly env?: Readonly<Record<string, string>>
  /** Ended with SIGKILL after this long. Default: never. */
  readonly timeoutMs?: number
  /** Where the program's output goes: read by us (default), or the caller's own terminal. */
  readonly output?: 'captured' | 'inherited'
}

/** Runs a program to its end and gives what it wrote to standard output; throws CommandError. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const output = options.output === 'inherited' ? 'inherit' : 'pipe'
  const child = spawn(program, args, {
    stdio: [options.stdin === undefined ? 'ignore' : 'pipe', output, output],
    env: { ...process.env, LC_ALL: 'C', ...options.env },
    ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs, killSignal: 'SIGKILL' }),
  })
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  const end = ended(child, program)
  const [[code, signal]] = await Promise.all([end, feed(child, options.stdin)])
  if (code === 0) return stdout()
  throw new CommandError(
    program,
    code ?? undefined,
    stderr(),
    signal ? `ended by ${signal}` : `exit status ${code}`,
  )
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = []
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

function ended(child: ChildProcess, program: string): Promise<[number | null, string | null]> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new CommandError(program, undefined, '', error.message)))
    child.once('close', (code, signal) => resolve([code, signal]))
  })
}

/** Writes to the program's standard input; a program that ends early is judged by its exit status alone. */
async function feed(child: ChildProcess, input: RunOptions['stdin']): Promise<void> {
  const stdin = child.stdin
  if (!stdin || input === undefined) return
  let broken = false
  stdin.on('error', () => {
    broken = true
  })
  if (typeof input === 'string') {
    stdin.end(input)
    return
  }
  for await (const chunk of input) {
    if (broken || child.exitCode !== null) break
    if (!stdin.write(chunk)) {
      await new Promise<void>((resolve) => {
        stdin.once('drain', resolve)
        stdin.once('close', resolve)
      })
    }
  }
  stdin.end()
}
