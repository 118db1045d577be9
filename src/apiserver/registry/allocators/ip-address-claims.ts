import { isIPv4 } from 'node:net'
import type { IPAddress, ParentReference } from '../../../api/generated/networking.v1.ts'
import { ipAddresses } from '../../../api/generated/resources.ts'
import { parseKey } from '../../../machinery/resource.ts'
import { isAlreadyExists, isNotFound } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'
import type { OwnedItems } from './claims.ts'

const familyLabel = 'ipaddress.kubernetes.io/ip-family'
const managedByLabel = 'ipaddress.kubernetes.io/managed-by'
const manager = 'ipallocator.k8s.io'

/**
 * Which Service has which address, kept as IPAddress objects: one name is created once, so two Services never have the
 * same. Source: kubernetes/pkg/registry/core/service/ipallocator.
 */
export class IpAddressClaims implements OwnedItems {
  readonly #objects: () => Objects

  constructor(objects: () => Objects) {
    this.#objects = objects
  }

  ownerOf(address: string): string | undefined {
    return ownerOf(this.#objects().get(ipAddresses, { name: address }))
  }

  /** Those of Services; what others have reserved is theirs. */
  all(): readonly (readonly [item: string, owner: string])[] {
    return this.#objects()
      .list(ipAddresses)
      .filter(({ metadata }) => metadata?.labels?.[managedByLabel] === manager)
      .map((address) => [address.metadata?.name ?? '', ownerOf(address) ?? ''])
  }

  async claim(address: string, owner: string): Promise<boolean> {
    const known = this.ownerOf(address)
    if (known !== undefined) return known === owner
    try {
      await this.#objects().create(ipAddresses, ipAddressOf(address, owner))
      return true
    } catch (error) {
      if (!isAlreadyExists(error)) throw error
      return ownerOf(await this.#objects().getLatest(ipAddresses, { name: address })) === owner
    }
  }

  async release(address: string, owner: string): Promise<void> {
    const found = this.#objects().get(ipAddresses, { name: address })
    const uid = found?.metadata?.uid
    if (ownerOf(found) !== owner || uid === undefined) return
    try {
      await this.#objects().delete(ipAddresses, { name: address }, { preconditions: { uid } })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  /** Calls `handler` with each address of a Service whose object has gone; returns what unsubscribes. */
  onReleased(handler: (address: string) => void): () => void {
    return this.#objects().onChange(ipAddresses, (change) => {
      if (change.type === 'deleted') handler(change.object.metadata?.name ?? '')
    })
  }
}

function ipAddressOf(address: string, owner: string): IPAddress {
  const { namespace = '', name } = parseKey(owner)
  return {
    metadata: {
      name: address,
      labels: { [familyLabel]: isIPv4(address) ? 'IPv4' : 'IPv6', [managedByLabel]: manager },
    },
    spec: { parentRef: { group: '', resource: 'services', namespace, name } },
  }
}

/** `namespace/name` of the Service; something that is no Service's for other parents. */
function ownerOf(address: IPAddress | undefined): string | undefined {
  const parent: ParentReference | undefined = address?.spec?.parentRef
  if (!parent) return undefined
  const { group, resource, namespace, name } = parent
  const owner = namespace ? `${namespace}/${name}` : name
  return !group && resource === 'services' ? owner : `${resource}.${group ?? ''}:${owner}`
}
