import type { ExitCode } from './exit-codes.ts'

/** One command of `k8ts`: what help and completion show, and what runs. */
export interface Command {
  /** One or two words: `up`, `node add`. */
  readonly name: string
  readonly summary: string
  /** What stands behind the command, as help shows it: `NAME`, `FILE...`; absent when nothing may. */
  readonly operands?: { readonly usage: string; readonly least: number; readonly most: number }
  readonly options: Readonly<Record<string, Option>>
  /** Everything behind the command goes to it unread (`kubectl`). */
  readonly passThrough?: boolean
  readonly examples?: readonly string[]
  run(input: CommandInput): Promise<ExitCode>
}

export interface Option {
  readonly description: string
  /** The placeholder of its value; absent for a switch. */
  readonly value?: string
  readonly short?: string
  /** The only values there are. */
  readonly choices?: readonly string[]
  /** What it means without a value: `--switch` for `--switch=true`. A value must then come behind `=`. */
  readonly bareValue?: string
  /** Its value where it is not given; help says it behind the description. */
  readonly default?: string
  /** It may be given several times; each value counts. */
  readonly repeats?: boolean
  /** Not shown in help. */
  readonly hidden?: boolean
}

/** What help and completion say of an option. */
export function described(option: Option): string {
  return option.default === undefined
    ? option.description
    : `${option.description} (default: ${option.default})`
}

export interface CommandInput {
  readonly operands: readonly string[]
  /** The value of an option, or undefined when it was not given. */
  text(option: string): string | undefined
  /** The values of an option that may be given several times. */
  texts(option: string): readonly string[]
  /** A whole number from `least`; undefined when the option was not given. */
  number(option: string, least: number): number | undefined
  isSet(option: string): boolean
}

/** Options that most commands share. */
export const clusterOption: Readonly<Record<string, Option>> = {
  name: { description: 'Name of the cluster (default: default)', value: 'NAME' },
  'data-dir': { description: 'Folder of the cluster (default: ~/.k8ts/NAME)', value: 'DIR' },
}

export const outputOption: Readonly<Record<string, Option>> = {
  output: { description: 'text or json', value: 'FORMAT', short: 'o', choices: ['text', 'json'] },
}

export const yesOption: Readonly<Record<string, Option>> = {
  yes: { description: 'Do not ask', short: 'y' },
}
