import { CliError } from './cli/cli-error.ts'
import { parseCommandLine } from './cli/command-line.ts'
import type { Command } from './cli/command.ts'
import { exitCodes, type ExitCode } from './cli/exit-codes.ts'
import { componentCommands } from './commands/component.ts'
import { deleteCommand } from './commands/delete.ts'
import { downCommand } from './commands/down.ts'
import { imageCommands } from './commands/image.ts'
import { joinCommands } from './commands/join.ts'
import { kubectlCommand } from './commands/kubectl.ts'
import { nodeCommands } from './commands/node.ts'
import { statusCommand } from './commands/status.ts'
import { upCommand } from './commands/up.ts'
import { versionCommand } from './commands/version.ts'
import { withSystemFolders } from './machine/system-path.ts'

const completionCommand: Command = {
  name: 'completion',
  summary: 'Print a script that completes commands in a shell',
  operands: { usage: 'bash|zsh|fish', least: 1, most: 1 },
  options: {},
  examples: ['source <(k8ts completion bash)'],
  async run({ operands }) {
    const [shell] = operands
    if (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish') {
      throw new CliError(`there is no completion for '${shell}': bash, zsh or fish`, exitCodes.usage)
    }
    const { completionScript } = await import('./cli/completion.ts')
    process.stdout.write(completionScript(shell, commands))
    return exitCodes.done
  },
}

const helpCommand: Command = {
  name: 'help',
  summary: 'Show help, also for one command',
  operands: { usage: '[COMMAND]', least: 0, most: 2 },
  options: {},
  async run({ operands }) {
    if (operands.length === 0) return showHelp(undefined)
    const command = commands.find(({ name }) => name === operands.join(' '))
    if (!command) throw new CliError(`there is no command '${operands.join(' ')}'`, exitCodes.usage)
    return showHelp(command)
  },
}

/** In the order in which help shows them. */
const commands: readonly Command[] = [
  upCommand,
  downCommand,
  statusCommand,
  deleteCommand,
  ...nodeCommands,
  ...imageCommands,
  ...joinCommands,
  ...componentCommands,
  kubectlCommand,
  versionCommand,
  completionCommand,
  helpCommand,
]

async function showHelp(command: Command | undefined): Promise<ExitCode> {
  const { commandHelp, generalHelp } = await import('./cli/help.ts')
  process.stdout.write(command ? commandHelp(command) : generalHelp(commands))
  return exitCodes.done
}

/** Runs the command line; gives what the process ends with. */
async function main(args: readonly string[]): Promise<ExitCode> {
  try {
    const invocation = parseCommandLine(commands, args)
    if (invocation.type === 'help') return await showHelp(invocation.command)
    return await invocation.command.run(invocation.input)
  } catch (error) {
    const expected = error instanceof CliError
    process.stderr.write(`k8ts: ${(error as Error).message}\n`)
    if (!expected && process.env['K8TS_DEBUG']) process.stderr.write(`${(error as Error).stack}\n`)
    return expected ? error.exitCode : exitCodes.failed
  }
}

// What nodes need is in folders that only root's own login has on PATH.
if (process.platform === 'linux') process.env['PATH'] = withSystemFolders(process.env['PATH'])

// What a command waits for (timers of a retry, say) keeps no process alive by itself.
const alive = setInterval(() => {}, 2 ** 31 - 1)
process.exitCode = await main(process.argv.slice(2))
clearInterval(alive)
