import { goQuote } from '../go-format.ts'
import { goJson } from '../go-json.ts'
import type { Status } from '../meta.ts'

/** How a remote command ended, as the error stream tells it. Source: k8s.io/client-go/tools/remotecommand. */
export type RemoteCommandResult =
  | { readonly type: 'success' }
  | { readonly type: 'exit'; readonly exitCode: number; readonly message: string }
  /** The command could not be run, or its end is not known. */
  | { readonly type: 'error'; readonly message: string }

/** The error stream's content in protocol v4 and later. */
export function encodeRemoteCommandResult(result: RemoteCommandResult): string {
  return goJson(statusOf(result))
}

function statusOf(result: RemoteCommandResult): Status {
  switch (result.type) {
    case 'success':
      return { metadata: {}, status: 'Success' }
    case 'exit': {
      const causes = [{ reason: 'ExitCode', message: String(result.exitCode) }]
      return {
        metadata: {},
        status: 'Failure',
        message: `command terminated with non-zero exit code: ${result.message}`,
        reason: 'NonZeroExitCode',
        details: { causes },
      }
    }
    case 'error':
      return {
        metadata: {},
        status: 'Failure',
        message: `Internal error occurred: ${result.message}`,
        reason: 'InternalError',
        details: { causes: [{ message: result.message }] },
        code: 500,
      }
  }
}

/** The error stream's content before protocol v4: nothing for success. */
export function encodeRemoteCommandResultAsText(result: RemoteCommandResult): string {
  return result.type === 'success' ? '' : (statusOf(result).message ?? '')
}

/** Reads the error stream of protocol v4 and later. What cannot be understood is an error too. */
export function decodeRemoteCommandResult(text: string): RemoteCommandResult {
  if (text === '') return { type: 'success' }
  let status: Status
  try {
    status = JSON.parse(text) as Status
  } catch (error) {
    return protocolError(`${(error as Error).message} in ${goQuote(text)}`)
  }
  if (status.status === 'Success') return { type: 'success' }
  if (status.status !== 'Failure') return protocolError('unknown error')
  const message = status.message ?? ''
  if (status.reason !== 'NonZeroExitCode') return { type: 'error', message }
  if (!status.details) return protocolError('details must be set')
  const cause = status.details.causes?.find(({ reason }) => reason === 'ExitCode')
  if (!cause) return protocolError('no ExitCode cause given')
  const exitCode = Number(cause.message)
  if (!/^[0-9]+$/.test(cause.message ?? '') || exitCode > 255) {
    return protocolError(`invalid exit code value ${goQuote(cause.message ?? '')}`)
  }
  return { type: 'exit', exitCode, message }
}

function protocolError(detail: string): RemoteCommandResult {
  return { type: 'error', message: `error stream protocol error: ${detail}` }
}

/** In characters. */
export interface TerminalSize {
  readonly width: number
  readonly height: number
}

/** A message of the resize stream. */
export function encodeTerminalSize({ width, height }: TerminalSize): string {
  return `${JSON.stringify({ Width: width, Height: height })}\n`
}

/** Reads the resize stream, whose messages may come in parts or together. */
export class TerminalSizeReader {
  #rest = ''

  /** The sizes that are complete now. What is no size is skipped. */
  read(chunk: Uint8Array): TerminalSize[] {
    this.#rest += Buffer.from(chunk).toString('utf8')
    const sizes: TerminalSize[] = []
    for (let end = this.#rest.indexOf('}'); end >= 0; end = this.#rest.indexOf('}')) {
      const size = parseTerminalSize(this.#rest.slice(0, end + 1))
      if (size) sizes.push(size)
      this.#rest = this.#rest.slice(end + 1)
    }
    if (this.#rest.length > maxPartialMessage) this.#rest = ''
    return sizes
  }
}

const maxPartialMessage = 1024

function parseTerminalSize(text: string): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(text) as Record<string, unknown>
    return isLength(width) && isLength(height) ? { width, height } : undefined
  } catch {
    return undefined
  }
}

function isLength(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff
}
