import { clusterOption, outputOption, type Command, type CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { table } from '../cli/table.ts'
import { askServer } from '../control/control-client.ts'
import type { ClusterStatus } from '../control/control-protocol.ts'
import { clusterStatus } from '../up/cluster-status.ts'
import { findCluster } from './find-cluster.ts'

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show whether a cluster runs, its nodes and its components',
  options: { ...clusterOption, ...outputOption },
  run: status,
}

async function status(input: CommandInput): Promise<ExitCode> {
  const { folder, state } = findCluster(input)
  const running = await askServer(folder.controlSocket, { type: 'status' })
  const shown = running ?? clusterStatus(folder, state)
  const text = input.text('output') === 'json' ? JSON.stringify(shown, undefined, 2) : asText(shown)
  process.stdout.write(`${text}\n`)
  return running ? exitCodes.done : exitCodes.notRunning
}

function asText(status: ClusterStatus): string {
  const lines = [
    `Cluster ${status.name} is ${status.state}${status.pid === undefined ? '' : ` (process ${status.pid})`}.`,
    `  API server  ${status.server}`,
    `  kubeconfig  ${status.kubeconfig}`,
    `  runtime     ${status.runtime}`,
    `  store       ${status.store}`,
    ...whatHappened(status),
    '',
    table(
      ['NODE', 'STATE', 'ADDRESS', 'RESTARTS'],
      status.nodes.map(({ name, state, address = '', restarts }) => [
        name,
        state,
        address,
        restarts === undefined ? '' : String(restarts),
      ]),
    ),
  ]
  const components = [
    ...status.components.map((health) => ({ where: 'control plane', ...health })),
    ...status.nodes.flatMap((node) => node.components.map((health) => ({ where: node.name, ...health }))),
  ]
  if (components.length > 0) {
    const rows = components.map(({ where, component, ill = 'well' }) => [component, where, ill])
    lines.push('', table(['COMPONENT', 'WHERE', 'HEALTH'], rows))
  }
  return lines.join('\n')
}

/** What the user may wonder about. */
function whatHappened(status: ClusterStatus): string[] {
  const last = status.ends.at(-1)
  const times = status.ends.length === 1 ? 'once' : `${status.ends.length} times`
  const ended = last && `its server has ended by itself ${times}, the last time at ${last.at} (${last.how})`
  switch (status.state) {
    case 'running':
      return [
        ...(ended === undefined ? [] : [`  restarted   ${ended}`]),
        ...(status.supervisor === 'ended'
          ? [
              "  unwatched   its supervisor was killed: nobody starts its server again, should that end; 'k8ts down'",
              "              and 'k8ts up' give it another",
            ]
          : []),
      ]
    case 'restarting':
      return [
        `  restarting  ${ended ?? 'its server has ended by itself'}; containers run on`,
        `              the reason may stand in ${status.folder}/logs/up.log`,
      ]
    case 'starting':
      return []
    case 'stopped':
      return status.cleared
        ? []
        : [
            "  not cleared its server was killed; 'k8ts up' goes on with its containers, 'k8ts down' ends them",
          ]
  }
}
