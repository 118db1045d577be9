/** What a simulated process does, one step after the other. */
export type Step =
  | { readonly type: 'sleep'; readonly milliseconds: number }
  | { readonly type: 'print'; readonly text: string }
  | { readonly type: 'exit'; readonly exitCode: number }
  /** Copies its input to its output until that ends. */
  | { readonly type: 'copyInput' }
  /** Until it is stopped. */
  | { readonly type: 'forever' }

/**
 * Understands just enough of commands to simulate them: `sleep`, `echo`, `printf`, `true`, `false`, `exit`, `cat`, and
 * `sh -c` with those, joined by `;` or `&&`. Whatever else there is runs for ever, as servers do.
 */
export function parseScript(command: readonly string[]): readonly Step[] {
  const [program = '', ...args] = command
  const name = program.slice(program.lastIndexOf('/') + 1)
  if (['sh', 'bash', 'ash'].includes(name) && args[0] === '-c') return parseShell(args[1] ?? '')
  return finished([stepOf(name, args)])
}

function parseShell(text: string): readonly Step[] {
  const steps: Step[] = []
  for (const part of text.split(/;|&&|\n/)) {
    const words = splitWords(part.trim())
    const name = words[0]
    if (name === undefined) continue
    const step = stepOf(name, words.slice(1))
    steps.push(step)
    if (step.type === 'exit' && name === 'exit') break
  }
  return finished(steps)
}

/** A script that comes to its end exits as its last command did. */
function finished(steps: readonly Step[]): readonly Step[] {
  const kept = steps.filter((step, index) => step.type !== 'exit' || index === steps.length - 1)
  const last = kept.at(-1)
  return last?.type === 'exit' || last?.type === 'forever' ? kept : [...kept, { type: 'exit', exitCode: 0 }]
}

function stepOf(name: string, args: readonly string[]): Step {
  switch (name) {
    case 'sleep':
      return sleepStep(args[0] ?? '0')
    case 'echo':
      return { type: 'print', text: `${args.join(' ')}\n` }
    case 'printf':
      return { type: 'print', text: (args[0] ?? '').replaceAll('\\n', '\n') }
    case 'true':
      return { type: 'exit', exitCode: 0 }
    case 'false':
      return { type: 'exit', exitCode: 1 }
    case 'exit':
      return { type: 'exit', exitCode: Number(args[0] ?? 0) & 255 }
    case 'cat':
      return args.length === 0 ? { type: 'copyInput' } : { type: 'exit', exitCode: 0 }
    default:
      return { type: 'forever' }
  }
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

function sleepStep(argument: string): Step {
  const match = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(argument)
  if (argument === 'infinity') return { type: 'forever' }
  if (!match) return { type: 'exit', exitCode: 1 }
  return { type: 'sleep', milliseconds: Number(match[1]) * (units[match[2] || 's'] ?? 1000) }
}

function splitWords(text: string): readonly string[] {
  return Array.from(
    text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g),
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  )
}
