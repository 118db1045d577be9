import { createHash } from 'node:crypto'
import type { Lease } from '../../api/generated/coordination.v1.ts'
import { leases } from '../../api/generated/resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import { isConflict, isNotFound } from '../../machinery/status-errors.ts'
import { formatMicroTime } from '../../machinery/time.ts'
import type { Objects } from '../objects.ts'
import { unlessThere } from './namespaces.ts'

const namespace = 'kube-system'
const leaseDurationSeconds = 3600
const identityLabel = 'apiserver.kubernetes.io/identity'
const component = 'kube-apiserver'

export interface ServerIdentityOptions {
  readonly objects: Objects
  readonly clock: Clock
  readonly random: Random
  /** Of this machine. */
  readonly hostName: string
}

/**
 * The lease in which an API server says that it is there, for whoever wants to know how many there are.
 * Source: kubernetes/pkg/controlplane/apiserver (identity leases), pkg/controlplane/controller/apiserverleasegc.
 */
export class ServerIdentity {
  readonly #options: ServerIdentityOptions
  readonly #name: string
  readonly #holder: string

  constructor(options: ServerIdentityOptions) {
    this.#options = options
    this.#name = serverId(options.hostName)
    this.#holder = `${this.#name}_${options.random.uuid()}`
  }

  /** Says that this server is there, for the next hour. */
  async renew(): Promise<void> {
    const { objects, clock, hostName } = this.#options
    const name = { namespace, name: this.#name }
    const labels = { [identityLabel]: component, 'kubernetes.io/hostname': hostName }
    const spec: Lease['spec'] = {
      holderIdentity: this.#holder,
      leaseDurationSeconds,
      renewTime: formatMicroTime(clock.now()),
    }
    if (!objects.get(leases, name)) {
      await objects.create(leases, { metadata: { ...name, labels }, spec }).catch(unlessThere)
      return
    }
    await objects.change(leases, name, (lease) => {
      lease.metadata = { ...lease.metadata, labels: { ...lease.metadata?.labels, ...labels } }
      lease.spec = { ...lease.spec, ...spec }
    })
  }

  /** Forgets servers that have not said for an hour that they are there. */
  async forgetOthers(): Promise<void> {
    const { objects, clock } = this.#options
    const isExpired = ({ spec = {} }: Lease) =>
      spec.renewTime === undefined ||
      Date.parse(spec.renewTime) + (spec.leaseDurationSeconds ?? 0) * 1000 < clock.now()
    const expired = objects
      .list(leases, namespace)
      .filter((lease) => lease.metadata?.labels?.[identityLabel] === component && isExpired(lease))
    await Promise.all(expired.map((lease) => this.#delete(lease)))
  }

  /** Says that this server goes. */
  async leave(): Promise<void> {
    const lease = this.#options.objects.get(leases, { namespace, name: this.#name })
    if (lease?.spec?.holderIdentity === this.#holder) await this.#delete(lease)
  }

  /** As it was seen: one that has been renewed since stays. */
  async #delete({ metadata: { name = '', resourceVersion } = {} }: Lease): Promise<void> {
    const preconditions = resourceVersion === undefined ? {} : { resourceVersion }
    await this.#options.objects
      .delete(leases, { namespace, name }, { preconditions })
      .catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error
      })
  }
}

const base32Digits = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * `apiserver-`, and in base32 the first 16 bytes of the hash of host name and component, each behind its length in two bytes.
 * Source: k8s.io/apiserver/pkg/server (APIServerID).
 */
export function serverId(hostName: string): string {
  const hash = createHash('sha256')
  for (const text of [hostName, component]) {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(Buffer.byteLength(text))
    hash.update(length).update(text)
  }
  const bytes = hash.digest().subarray(0, 16)
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
  const digits = bits.match(/.{1,5}/g)!.map((group) => base32Digits[Number.parseInt(group.padEnd(5, '0'), 2)])
  return `apiserver-${digits.join('')}`
}
