import { DurationError, parseDuration } from '../../machinery/duration.ts'
import { parseGoBool } from '../../machinery/go-bool.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes } from '../cli/exit-codes.ts'

/** What kube-apiserver says to a value that it cannot read, in its words. */
export function invalidFlag(flag: string, value: string, detail: string): CliError {
  return usageError(`invalid argument "${value}" for "--${flag}" flag: ${detail}`)
}

export function usageError(message: string): CliError {
  return new CliError(message, exitCodes.usage)
}

export function integerFlag(input: CommandInput, flag: string): number | undefined {
  const value = input.text(flag)
  if (value === undefined) return undefined
  if (!/^[+-]?\d{1,15}$/.test(value)) {
    throw invalidFlag(flag, value, `strconv.ParseInt: parsing "${value}": invalid syntax`)
  }
  return Number(value)
}

export function fractionFlag(input: CommandInput, flag: string): number | undefined {
  const value = input.text(flag)
  if (value === undefined) return undefined
  const number = Number(value)
  if (value.trim() === '' || Number.isNaN(number)) {
    throw invalidFlag(flag, value, `strconv.ParseFloat: parsing "${value}": invalid syntax`)
  }
  return number
}

export function booleanFlag(input: CommandInput, flag: string): boolean | undefined {
  const value = input.text(flag)
  if (value === undefined) return undefined
  const boolean = parseGoBool(value)
  if (boolean !== undefined) return boolean
  throw invalidFlag(flag, value, `strconv.ParseBool: parsing "${value}": invalid syntax`)
}

/** In milliseconds. */
export function durationFlag(input: CommandInput, flag: string): number | undefined {
  const value = input.text(flag)
  if (value === undefined) return undefined
  try {
    return parseDuration(value)
  } catch (error) {
    if (error instanceof DurationError) throw invalidFlag(flag, value, error.message)
    throw error
  }
}

/** Values with commas between them. */
export function listFlag(input: CommandInput, flag: string): readonly string[] | undefined {
  return input
    .text(flag)
    ?.split(',')
    .map((value) => value.trim())
    .filter((value) => value !== '')
}

/** Only what was said: absent fields are left out. */
export function given<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
