import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError, run } from './command.ts'

export interface BridgeNetfilterOptions {
  /** Where the kernel shows the settings of the network namespace it is read in. */
  readonly settings: string
  /** Has the kernel load its module; throws CommandError. */
  readonly load: () => Promise<unknown>
}

const onThisMachine: BridgeNetfilterOptions = {
  settings: '/proc/sys/net/bridge',
  load: () => run('modprobe', ['br_netfilter']),
}

/**
 * Has the kernel able to show netfilter what goes from pod to pod of one node, which a Service needs when both its client
 * and its endpoint are there: distributions ship that as the module br_netfilter, not loaded. The bridges of the machine
 * itself stay as they were without it; namespaces of nodes switch it on for themselves. Gives why it cannot be had.
 */
export async function loadBridgeNetfilter({
  settings,
  load,
}: BridgeNetfilterOptions = onThisMachine): Promise<string | undefined> {
  if (existsSync(settings)) return undefined
  try {
    await load()
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return error.message
  }
  for (const name of ['bridge-nf-call-iptables', 'bridge-nf-call-ip6tables', 'bridge-nf-call-arptables']) {
    const file = join(settings, name)
    if (existsSync(file)) writeFileSync(file, '0')
  }
  return undefined
}
