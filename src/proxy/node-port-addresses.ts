import { networkInterfaces } from 'node:os'
import type { Node } from '../api/generated/core.v1.ts'
import { addressesOf, canonicalAddress, isInNetworks, networksOf, type Family } from './addresses.ts'

/** Where node ports answer: CIDRs, and these words for some. Source: kubernetes/pkg/proxy/util, nodeport_addresses.go. */
export type NodePortNetwork = string

const everywhere: Readonly<Record<Family, string>> = { IPv4: '0.0.0.0/0', IPv6: '::/0' }

/** Words that stand for networks; `primary` are the node's own addresses. */
export const nodePortWords = ['primary', 'localhost', 'all'] as const

/** Whether node ports of this family answer at all addresses of the node. */
export function isEverywhere(networks: readonly NodePortNetwork[], family: Family): boolean {
  return networks.includes('all') || networksOf(family, networks).includes(everywhere[family])
}

/** The addresses of this machine that are in one of the networks. The loopback is none: the kernel would not answer. */
export function nodePortAddresses(
  networks: readonly NodePortNetwork[],
  family: Family,
  nodeAddresses: readonly string[],
  localAddresses: readonly string[],
): readonly string[] {
  const own = networks.includes('primary')
    ? nodeAddresses.map((address) => `${address}/${family === 'IPv4' ? 32 : 128}`)
    : []
  const cidrs = networksOf(family, [...networks, ...own])
  const isLoopback = (address: string) => address === '::1' || address.startsWith('127.')
  return addressesOf(family, localAddresses)
    .filter((address) => isInNetworks(address, cidrs) && !isLoopback(address))
    .toSorted()
}

/** Every address of the interfaces that are up in this network namespace. */
export function readLocalAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list = []) =>
    list.flatMap(({ address }) => canonicalAddress(address.split('%')[0]!)?.address ?? []),
  )
}

/** A node's primary addresses, one of each family: internal ones before external ones. Source: pkg/util/node. */
export function primaryAddresses(node: Node | undefined): readonly string[] {
  const all = node?.status?.addresses ?? []
  const ofType = (wanted: string) => all.filter(({ type }) => type === wanted).map(({ address }) => address)
  const ordered = [...ofType('InternalIP'), ...ofType('ExternalIP')]
  return (['IPv4', 'IPv6'] as const).flatMap((family) => addressesOf(family, ordered).slice(0, 1))
}
