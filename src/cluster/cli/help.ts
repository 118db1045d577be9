import { described, type Command, type Option } from './command.ts'
import { exitCodeMeanings } from './exit-codes.ts'

/** What `k8ts help` prints. */
export function generalHelp(commands: readonly Command[]): string {
  const rows = commands.map((command) => [synopsis(command), command.summary] as const)
  return `k8ts: Kubernetes, in TypeScript

Usage: k8ts COMMAND [OPTIONS]

Commands:
${columns(rows)}

'k8ts help COMMAND' tells more about one. Exit codes:
${columns(exitCodeMeanings.map(([code, meaning]) => [String(code), meaning] as const))}
`
}

/** What `k8ts help COMMAND` prints. */
export function commandHelp(command: Command): string {
  const options = Object.entries(command.options).filter(([, option]) => !option.hidden)
  const parts = [`k8ts ${command.name}: ${command.summary}`, `Usage: k8ts ${synopsis(command)}`]
  if (options.length > 0) {
    parts.push(
      `Options:\n${columns(options.map(([name, option]) => [optionUsage(name, option), described(option)]))}`,
    )
  }
  if (command.examples) parts.push(`Examples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`)
  return `${parts.join('\n\n')}\n`
}

function synopsis({ name, operands, options, passThrough }: Command): string {
  const visible = Object.values(options).some(({ hidden }) => !hidden)
  return [name, operands?.usage, visible && !passThrough ? '[OPTIONS]' : undefined].filter(Boolean).join(' ')
}

function optionUsage(name: string, option: Option): string {
  const short = option.short === undefined ? '    ' : `-${option.short}, `
  return `${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}
