import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../../machinery/clock.ts'
import type { LogFields, Logger } from '../../machinery/log.ts'
import { StatusError } from '../../machinery/status.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const ranks: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

export interface LogFile {
  readonly log: Logger
  close(): void
}

/** One JSON object per line, appended to `file`: time, level, message, then the fields. */
export function openLogFile(file: string, level: LogLevel, clock: Clock): LogFile {
  mkdirSync(dirname(file), { recursive: true })
  const descriptor = openSync(file, 'a', 0o640)
  return {
    log: jsonLog((line) => writeSync(descriptor, line), level, clock),
    close: () => closeSync(descriptor),
  }
}

/** Lines below `level` are not written. */
export function jsonLog(write: (line: string) => void, level: LogLevel, clock: Clock): Logger {
  const withFields = (context: LogFields): Logger => {
    const put = (lineLevel: LogLevel, message: string, fields?: LogFields) => {
      if (ranks[lineLevel] < ranks[level]) return
      const time = new Date(clock.now()).toISOString()
      write(`${JSON.stringify({ time, level: lineLevel, message, ...context, ...fields }, plain)}\n`)
    }
    return {
      debug: (message, fields) => put('debug', message, fields),
      info: (message, fields) => put('info', message, fields),
      warn: (message, fields) => put('warn', message, fields),
      error: (message, fields) => put('error', message, fields),
      with: (fields) => withFields({ ...context, ...fields }),
    }
  }
  return withFields({})
}

/** Errors as their message, with the stack where nobody expected them; big numbers as text. */
function plain(_: string, value: unknown): unknown {
  if (value instanceof StatusError) return value.message
  if (value instanceof Error) return value.stack ?? value.message
  return typeof value === 'bigint' ? value.toString() : value
}
