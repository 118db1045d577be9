import { createWriteStream, type WriteStream } from 'node:fs'
import { lineReport, type Report } from '../cli/report.ts'
import type { ExitCode } from '../cli/exit-codes.ts'

/** What a server in the background tells the command that started it, one JSON value per line. */
export type ReportMessage =
  | { readonly type: 'line'; readonly line: string }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly message: string; readonly exitCode: ExitCode }

/** Names the file descriptor of the channel in the environment of a server in the background. */
export const reportChannelVariable = 'K8TS_REPORT_FD'

/** Where `up` reports to, and how it says that it is done. */
export interface UpReport extends Report {
  ready(lines: readonly string[]): void
}

/** To the terminal. */
export function terminalReport(): UpReport {
  const write = (line: string) => void process.stdout.write(`${line}\n`)
  return {
    ...lineReport(write),
    ready: (lines) => lines.forEach(write),
  }
}

/** To the command that started us in the background; `onLost` is called when it is gone before we are ready. */
export function channelReport(descriptor: number, onLost: () => void): UpReport & ChannelEnd {
  const stream: WriteStream = createWriteStream('', { fd: descriptor })
  let open = true
  const close = () => {
    if (!open) return
    open = false
    stream.end()
  }
  stream.on('error', () => {
    if (!open) return
    open = false
    onLost()
  })
  const send = (message: ReportMessage) => {
    if (open) stream.write(`${JSON.stringify(message)}\n`)
  }
  const write = (line: string) => send({ type: 'line', line })
  return {
    ...lineReport(write),
    ready(lines) {
      lines.forEach(write)
      send({ type: 'ready' })
      close()
    },
    failed(message, exitCode) {
      send({ type: 'failed', message, exitCode })
      close()
    },
  }
}

export interface ChannelEnd {
  failed(message: string, exitCode: ExitCode): void
}
