import type { Flags } from '../../api/zpages/flagz.ts'
import { formatDuration, parseDuration } from '../../machinery/duration.ts'
import type { CommandInput, Option } from '../cli/command.ts'

/** Options that upstream has under other names. */
const upstreamNames: Readonly<Record<string, string>> = { server: 'master', 'scheduler-config': 'config' }

/** What a component's command line comes to, defaults included: for /flagz. The component's lease has its name. */
export function flagsInEffect(
  options: Readonly<Record<string, Option>>,
  input: CommandInput,
  component: string,
): Flags {
  const values = Object.entries(options).map(([name, option]) => [
    upstreamNames[name] ?? name,
    valueOf(name, option, input),
  ])
  const leaseName = input.text('leader-elect-resource-name') ?? component
  return { ...Object.fromEntries(values), 'leader-elect-resource-name': leaseName }
}

function valueOf(name: string, option: Option, input: CommandInput): string {
  if (option.value === undefined) return String(input.isSet(name))
  if (option.repeats) return input.texts(name).join(',')
  const text = input.text(name) ?? option.default ?? ''
  return option.value === 'DURATION' && text !== '' ? formatDuration(parseDuration(text)) : text
}
