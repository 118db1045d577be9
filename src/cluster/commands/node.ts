import { CliError } from '../cli/cli-error.ts'
import { clusterOption, type Command, type CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { askCluster, findCluster, folderOf } from './find-cluster.ts'

const operands = { usage: 'NAME', least: 1, most: 1 }

type NodeRequest = 'addNode' | 'stopNode' | 'startNode' | 'deleteNode'

export const nodeCommands: readonly Command[] = [
  nodeCommand('add', 'addNode', 'Add a node to a running cluster', 'is added'),
  nodeCommand('stop', 'stopNode', 'Stop a node at once, as if its power were cut', 'is stopped'),
  nodeCommand('start', 'startNode', 'Start a stopped node', 'is started'),
  nodeCommand('delete', 'deleteNode', 'Stop a node and remove it from the cluster', 'is deleted'),
]

function nodeCommand(verb: string, type: NodeRequest, summary: string, done: string): Command {
  return {
    name: `node ${verb}`,
    summary,
    operands,
    options: clusterOption,
    async run(input: CommandInput): Promise<ExitCode> {
      const node = input.operands[0] ?? ''
      if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(node)) {
        throw new CliError(`'${node}' cannot name a node: a-z, 0-9 and - only`, exitCodes.usage)
      }
      const folder = folderOf(input)
      const joined = type === 'deleteNode' ? await import('../join/forget-node.ts') : undefined
      if (joined?.isServerFolder(folder)) await joined.forgetNode(folder, node)
      else await askCluster(findCluster(input).folder, { type, node })
      process.stdout.write(`Node ${node} ${done}.\n`)
      return exitCodes.done
    },
  }
}
