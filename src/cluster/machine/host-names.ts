import { existsSync } from 'node:fs'
import { dnsServiceAddress, type AddressPlan } from './address-plan.ts'
import { CommandError, run } from './command.ts'
import { bridgeName } from './network.ts'

export interface HostNamesOptions {
  /** What systemd-resolved writes while it answers for the machine. */
  readonly sign: string
  /** Runs resolvectl; throws CommandError. */
  readonly resolvectl: (...args: string[]) => Promise<unknown>
}

const onThisMachine: HostNamesOptions = {
  sign: '/run/systemd/resolve/resolv.conf',
  resolvectl: (...args) => run('resolvectl', args),
}

/**
 * Has the machine's own programs find the names of the cluster's domain, where systemd-resolved answers for them: for those
 * names alone it asks the cluster's DNS, by the bridge, and with the bridge it forgets that. Gives why it cannot be had.
 */
export async function giveNamesToHost(
  plan: AddressPlan,
  clusterDomain: string,
  { sign, resolvectl }: HostNamesOptions = onThisMachine,
): Promise<string | undefined> {
  if (!existsSync(sign)) return undefined
  const bridge = bridgeName(plan)
  try {
    await resolvectl('dns', bridge, dnsServiceAddress(plan))
    await resolvectl('domain', bridge, `~${clusterDomain}`)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return error.message
  }
  return undefined
}
