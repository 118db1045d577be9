import { exitCodes, type ExitCode } from './exit-codes.ts'

/** What the user is told in one line, and what the command then ends with. */
export class CliError extends Error {
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = exitCodes.failed) {
    super(message)
    this.name = 'CliError'
    this.exitCode = exitCode
  }
}
