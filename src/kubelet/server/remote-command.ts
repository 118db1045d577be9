import type { RemoteCommandResult, TerminalSize } from '../../machinery/streaming/remote-command.ts'
import type { AttachOptions, ByteSink, ExecSession } from '../runtime/runtime.ts'
import { isRuntimeError } from '../runtime/runtime-error.ts'
import { pump } from './byte-pump.ts'

/** A client's side of exec or attach, however it is connected. */
export interface RemoteCommandStreams {
  readonly stdin?: AsyncIterable<Uint8Array>
  readonly stdout?: ByteSink
  readonly stderr?: ByteSink
  readonly sizes?: AsyncIterable<TerminalSize>
  /** Tells how it ended, after all output, and closes the connection. */
  finish(result: RemoteCommandResult): Promise<void>
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal
}

/** Connects a client with a command until the command ends or the client goes. Never rejects. */
export async function connectCommand(
  open: () => Promise<ExecSession>,
  streams: RemoteCommandStreams,
): Promise<void> {
  let session: ExecSession
  try {
    session = await open()
  } catch (error) {
    await streams.finish(failure(error))
    return
  }
  const close = () => session.close()
  if (streams.gone.aborted) close()
  streams.gone.addEventListener('abort', close, { once: true })
  if (streams.stdin && session.stdin) void pump(streams.stdin, session.stdin)
  if (streams.sizes) void followSizes(streams.sizes, session)
  const outputs = Promise.all([pump(session.stdout, streams.stdout), pump(session.stderr, streams.stderr)])
  const result = await session.exit.then(success, ranBadly)
  await outputs
  await streams.finish(result)
  session.close()
}

async function followSizes(sizes: AsyncIterable<TerminalSize>, session: ExecSession): Promise<void> {
  for await (const { width, height } of sizes) session.resize(width, height)
}

function success({ exitCode }: { readonly exitCode: number }): RemoteCommandResult {
  if (exitCode === 0) return { type: 'success' }
  return { type: 'exit', exitCode, message: `exit status ${exitCode}` }
}

/** What the runtime's error stream said goes on as it was, not as the answer of a call. */
function ranBadly(error: unknown): RemoteCommandResult {
  return isRuntimeError(error) ? { type: 'error', message: error.description } : failure(error)
}

function failure(error: unknown): RemoteCommandResult {
  return { type: 'error', message: error instanceof Error ? error.message : String(error) }
}

/** Which streams a request asks for: `input`, `output`, `error` and `tty`, or the API's own names for them. */
export function streamOptions(query: URLSearchParams): AttachOptions {
  const flag = (...names: readonly string[]) =>
    names.some((name) => ['1', 'true'].includes(query.get(name) ?? ''))
  const tty = flag('tty')
  return {
    stdin: flag('input', 'stdin'),
    stdout: flag('output', 'stdout'),
    // A terminal has one output.
    stderr: flag('error', 'stderr') && !tty,
    tty,
  }
}
