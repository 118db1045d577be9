import { resolve } from 'node:path'
import { clusterOption, outputOption, type Command, type CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { table } from '../cli/table.ts'
import { askCluster, findCluster } from './find-cluster.ts'

export const imageCommands: readonly Command[] = [
  {
    name: 'image load',
    summary:
      'Put the images of archives (docker save, OCI layout, also packed with gzip or zstd) into every node',
    operands: { usage: 'FILE...', least: 1, most: Infinity },
    options: clusterOption,
    run: load,
  },
  {
    name: 'image ls',
    summary: 'List the images that the nodes have',
    options: { ...clusterOption, ...outputOption },
    run: list,
  },
]

async function load(input: CommandInput): Promise<ExitCode> {
  const { folder } = findCluster(input)
  for (const file of input.operands) {
    const names = await askCluster(folder, { type: 'loadImage', file: resolve(file) })
    for (const name of names) process.stdout.write(`${name}\n`)
  }
  return exitCodes.done
}

async function list(input: CommandInput): Promise<ExitCode> {
  const { folder } = findCluster(input)
  const images = await askCluster(folder, { type: 'listImages' })
  const text =
    input.text('output') === 'json'
      ? JSON.stringify(images, undefined, 2)
      : table(
          ['IMAGE', 'NODE'],
          images.map(({ name, node }) => [name, node]),
        )
  process.stdout.write(`${text}\n`)
  return exitCodes.done
}
