import { readIfExists } from '../machine/atomic-file.ts'

/** The name servers in a resolv.conf. */
export function nameServers(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? '')
}

/** Where cluster DNS asks for every other name. */
export function readUpstreams(resolvConfFile: string): string[] {
  return nameServers(readIfExists(resolvConfFile) ?? '')
}

/**
 * The resolv.conf of a node: the machine's, without servers on its loopback, which is not the node's. systemd-resolved
 * is such a server; it tells in a file of its own what it asks.
 */
export function nodeResolvConf(machine: string, systemdResolved: string | undefined): string {
  const reachable = (text: string) => nameServers(text).filter((address) => !isLoopback(address))
  const servers = reachable(machine).length > 0 ? reachable(machine) : reachable(systemdResolved ?? '')
  const search = [...machine.matchAll(/^\s*(?:search|domain)\s+(.*)$/gm)].at(-1)?.[1]
  return [
    ...servers.map((address) => `nameserver ${address}`),
    ...(search === undefined ? [] : [`search ${search.trim()}`]),
    '',
  ].join('\n')
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
