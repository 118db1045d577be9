import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'

/** The first IPv4 address of this machine that others can reach. */
export function machineAddress(): string {
  const found = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, address }) => !internal && isIPv4(address))
  return found?.address ?? '127.0.0.1'
}
