import type { Node } from '../api/generated/core.v1.ts'
import type { ServiceCIDR } from '../api/generated/networking.v1.ts'
import { addressesOf, networksOf, type Family } from './addresses.ts'
import type { ProxyNode } from './frontends.ts'
import {
  isEverywhere,
  nodePortAddresses,
  primaryAddresses,
  readLocalAddresses,
  type NodePortNetwork,
} from './node-port-addresses.ts'
import type { TablePlaces } from './nftables/ruleset.ts'

export interface PlacesOptions {
  /** Name of the node whose packets are directed. */
  readonly nodeName: string
  /** The node's own addresses, instead of those that its Node object names. */
  readonly nodeAddresses?: readonly string[]
  /** Where node ports answer; default `primary`. */
  readonly nodePortAddresses?: readonly NodePortNetwork[]
  /** Whether all packets to a cluster address are masqueraded; default false. */
  readonly masqueradeAll?: boolean
  /** Every address of this machine; for tests. */
  readonly localAddresses?: () => readonly string[]
}

/** Where the proxy is: its node, the addresses of this machine, and the networks of Services. */
export interface Places {
  node(): ProxyNode
  of(family: Family): TablePlaces
  /** Whether node ports answer at every address. */
  isEverywhere(family: Family): boolean
  isNodePortAddress(address: string): boolean
  /** Where health checks are answered; undefined: everywhere. */
  healthCheckAddresses(): readonly string[] | undefined
  /** Whether what node() gives is something else than at the last question. */
  hasNodeChanged(): boolean
  /** Reads this machine's addresses again. Whether they are others. */
  haveAddressesChanged(): boolean
}

const families = ['IPv4', 'IPv6'] as const

export function createPlaces(
  options: PlacesOptions,
  nodeObject: () => Node | undefined,
  serviceNetworks: { list(): readonly ServiceCIDR[] },
): Places {
  const { nodeName, masqueradeAll, localAddresses = readLocalAddresses } = options
  const { nodePortAddresses: wanted = ['primary'] } = options
  let local = localAddresses()
  let knownNode = ''

  const nodeAddresses = () => options.nodeAddresses ?? primaryAddresses(nodeObject())
  const answering = (family: Family) =>
    nodePortAddresses(wanted, family, addressesOf(family, nodeAddresses()), local)

  function node(): ProxyNode {
    const zone = nodeObject()?.metadata?.labels?.['topology.kubernetes.io/zone']
    return {
      name: nodeName,
      addresses: nodeAddresses(),
      ...(zone && { zone }),
      ...(masqueradeAll && { masqueradeAll }),
    }
  }

  return {
    node,
    of: (family) => ({
      nodePortAddresses: isEverywhere(wanted, family) ? [] : answering(family),
      serviceNetworks: networksOf(
        family,
        serviceNetworks.list().flatMap(({ spec }) => spec?.cidrs ?? []),
      ),
    }),
    isEverywhere: (family) => isEverywhere(wanted, family),
    isNodePortAddress: (address) =>
      families.some((family) =>
        isEverywhere(wanted, family) ? local.includes(address) : answering(family).includes(address),
      ),
    healthCheckAddresses() {
      if (families.some((family) => isEverywhere(wanted, family))) return undefined
      return families.flatMap(answering)
    },
    hasNodeChanged() {
      const before = knownNode
      knownNode = JSON.stringify(node())
      return knownNode !== before
    },
    haveAddressesChanged() {
      const before = local
      local = localAddresses()
      return local.join() !== before.join()
    },
  }
}
