import { readFileSync } from 'node:fs'
import { startDns } from '../../dns/start.ts'
import { nameServers } from '../agent/upstreams.ts'
import type { CommandInput } from '../cli/command.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import { runComponent } from './component-process.ts'

/** Runs cluster DNS by itself. */
export function runDns(input: CommandInput): Promise<ExitCode> {
  return runComponent(input, 'coredns', ({ context }) =>
    startDns(context, {
      address: input.text('address') ?? '0.0.0.0',
      port: input.number('port', 1) ?? 53,
      clusterDomain: input.text('cluster-domain') ?? 'cluster.local',
      upstreams: nameServers(readFileSync(input.text('resolv-conf') ?? '/etc/resolv.conf', 'utf8')),
      mayReadPods: true,
    }),
  )
}
