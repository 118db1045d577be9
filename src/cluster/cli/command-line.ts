import { parseArgs } from 'node:util'
import { CliError } from './cli-error.ts'
import type { Command, CommandInput, Option } from './command.ts'
import { exitCodes } from './exit-codes.ts'

export type Invocation =
  | { readonly type: 'run'; readonly command: Command; readonly input: CommandInput }
  | { readonly type: 'help'; readonly command: Command | undefined }

/** What a command line asks for. Throws CliError (usage) where it is not understood. */
export function parseCommandLine(commands: readonly Command[], args: readonly string[]): Invocation {
  const [first] = args
  if (first === undefined || first === '--help' || first === '-h') return { type: 'help', command: undefined }
  if (first === '--version') return parseCommandLine(commands, ['version', ...args.slice(1)])
  const command = findCommand(commands, args)
  const rest = args.slice(command.name.split(' ').length)
  if (command.passThrough) return { type: 'run', command, input: passedThrough(rest) }
  const { values, positionals } = parseOptions(command, rest)
  if (values['help'] === true) return { type: 'help', command }
  checkOperands(command, positionals)
  for (const [name, option] of Object.entries(command.options)) checkChoice(name, option, values[name])
  return { type: 'run', command, input: inputOf(positionals, values) }
}

type Value = string | boolean | undefined
type Values = Readonly<Record<string, Value | readonly Value[]>>

function findCommand(commands: readonly Command[], args: readonly string[]): Command {
  const named = (words: number) => commands.find(({ name }) => name === args.slice(0, words).join(' '))
  const command = named(2) ?? named(1)
  if (command) return command
  const group = commands.filter(({ name }) => name.startsWith(`${args[0]} `))
  if (group.length > 0) {
    const words = group.map(({ name }) => name.split(' ')[1]).join(', ')
    throw usageError(`'k8ts ${args[0]}' needs one of: ${words}`)
  }
  throw usageError(`unknown command '${args[0]}'; see 'k8ts help'`)
}

function parseOptions(command: Command, args: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, help: { description: 'Show help', short: 'h' } }).map(
      ([name, option]: [string, Option]) => [
        name,
        {
          type: option.value === undefined ? ('boolean' as const) : ('string' as const),
          ...(option.short !== undefined && { short: option.short }),
          ...(option.repeats && { multiple: true }),
        },
      ],
    ),
  )
  try {
    const { values, positionals } = parseArgs({
      args: args.map((arg) => withBareValue(command, arg)),
      options,
      allowPositionals: true,
    })
    return { values: values as Values, positionals }
  } catch (error) {
    const message = (error as Error).message.split('. ')[0] ?? ''
    throw usageError(`${message}; see 'k8ts help ${command.name}'`)
  }
}

function withBareValue({ options }: Command, arg: string): string {
  const bareValue = arg.startsWith('--') ? options[arg.slice(2)]?.bareValue : undefined
  return bareValue === undefined ? arg : `${arg}=${bareValue}`
}

function checkOperands(command: Command, operands: readonly string[]): void {
  const { usage, least, most } = command.operands ?? { usage: '', least: 0, most: 0 }
  const line = `usage: k8ts ${command.name} ${usage}`.trimEnd()
  if (operands.length < least) throw usageError(line)
  if (operands.length > most) throw usageError(`unexpected '${operands[most]}'; ${line}`)
}

function checkChoice(name: string, option: Option, value: Values[string]): void {
  if (typeof value !== 'string' || !option.choices || option.choices.includes(value)) return
  throw usageError(`--${name} must be one of ${option.choices.join(', ')}, not '${value}'`)
}

function inputOf(operands: readonly string[], values: Values): CommandInput {
  const text = (option: string) => {
    const value = values[option]
    return typeof value === 'string' ? value : undefined
  }
  return {
    operands,
    text,
    texts(option) {
      const given = values[option]
      const all = Array.isArray(given) ? (given as readonly Value[]) : [given]
      return all.filter((value) => typeof value === 'string')
    },
    number(option, least) {
      const value = text(option)
      if (value === undefined) return undefined
      if (!/^\d{1,9}$/.test(value) || Number(value) < least) {
        throw usageError(`--${option} must be a whole number from ${least}, not '${value}'`)
      }
      return Number(value)
    },
    isSet: (option) => values[option] === true,
  }
}

function passedThrough(operands: readonly string[]): CommandInput {
  return inputOf(operands, {})
}

function usageError(message: string): CliError {
  return new CliError(message, exitCodes.usage)
}
