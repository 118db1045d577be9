import { resolve } from 'node:path'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import { askServer } from '../control/control-client.ts'
import type { ControlAnswers, ControlRequest } from '../control/control-protocol.ts'
import {
  clusterFolder,
  defaultClusterName,
  isClusterName,
  type ClusterFolder,
} from '../state/cluster-folder.ts'
import { loadState, type ClusterState } from '../state/cluster-state.ts'
import { hasTraces } from '../up/bring-down.ts'

/** The folder of the cluster that `--name` and `--data-dir` mean, whether there is one or not. */
export function folderOf(input: CommandInput): ClusterFolder {
  const name = input.text('name') ?? defaultClusterName
  if (!isClusterName(name)) {
    throw new CliError(
      `'${name}' cannot name a cluster: at most 32 of a-z, 0-9 and -, beginning and ending with one of the first two`,
      exitCodes.usage,
    )
  }
  const path = input.text('data-dir')
  return path === undefined ? clusterFolder(name) : clusterFolder(name, resolve(path))
}

export interface FoundCluster {
  readonly folder: ClusterFolder
  readonly state: ClusterState
}

/** The cluster that is meant; throws CliError (notFound) where there is none. */
export function findCluster(input: CommandInput): FoundCluster {
  const folder = folderOf(input)
  const state = loadState(folder)
  if (!state) throw new CliError(`there is no cluster ${folder.name} in ${folder.path}`, exitCodes.notFound)
  return { folder, state }
}

/** Like findCluster, but also finds what is left on the machine of a cluster whose folder was removed. */
export function findClusterOrTraces(
  input: CommandInput,
): Partial<FoundCluster> & Pick<FoundCluster, 'folder'> {
  const folder = folderOf(input)
  const state = loadState(folder)
  if (!state && !hasTraces(folder)) {
    throw new CliError(`there is no cluster ${folder.name} in ${folder.path}`, exitCodes.notFound)
  }
  return { folder, ...(state && { state }) }
}

/** What the running cluster answers; throws CliError (notRunning) where it does not run. */
export async function askCluster<Type extends ControlRequest['type']>(
  folder: ClusterFolder,
  question: Extract<ControlRequest, { type: Type }>,
): Promise<ControlAnswers[Type]> {
  const answer = await askServer(folder.controlSocket, question)
  if (answer === undefined) {
    throw new CliError(`cluster ${folder.name} does not run; start it with 'k8ts up'`, exitCodes.notRunning)
  }
  return answer
}
