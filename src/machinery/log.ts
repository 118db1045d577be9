/** Values beside a log message. Never a secret: no token, key, or Secret data. */
export type LogFields = Readonly<Record<string, unknown>>

/** A constant message plus key-values, written once, where the control loop catches. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The same log with these fields on each line. */
  with(fields: LogFields): Logger
}

/** Writes nothing. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLogger,
}
