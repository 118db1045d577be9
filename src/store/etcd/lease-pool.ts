import type { Clock } from '../../machinery/clock.ts'
import type { Connection } from './connection.ts'
import { Lease } from './generated/rpc_pb.ts'

/**
 * A lease is shared by the entries written within this time, or within a twentieth of their time to live if that is
 * less; they live that much longer at most. The limits are those of upstream's API server.
 */
const reuseSeconds = 60
const reuseShare = 0.05
const entriesPerLease = 1000

interface SharedLease {
  readonly id: Promise<bigint>
  readonly reusableUntilMs: number
  entries: number
}

/** Leases by time to live: one per minute, not one per entry, as etcd's cost is per lease. */
export class LeasePool {
  readonly #connection: Pick<Connection, 'read'>
  readonly #clock: Clock
  readonly #byTtl = new Map<number, SharedLease>()

  constructor(connection: Pick<Connection, 'read'>, clock: Clock) {
    this.#connection = connection
    this.#clock = clock
  }

  /** The ID of a lease that ends at least `ttlSeconds` from now, and not much later. */
  async leaseFor(ttlSeconds: number): Promise<bigint> {
    const nowMs = this.#clock.monotonic()
    const shared = this.#byTtl.get(ttlSeconds)
    if (shared && nowMs <= shared.reusableUntilMs && shared.entries < entriesPerLease) {
      shared.entries++
      return shared.id
    }
    const extraSeconds = Math.floor(Math.min(reuseSeconds, ttlSeconds * reuseShare))
    const lease = {
      id: this.#grant(Math.ceil(ttlSeconds) + extraSeconds),
      reusableUntilMs: nowMs + extraSeconds * 1000,
      entries: 1,
    }
    this.#byTtl.set(ttlSeconds, lease)
    lease.id.catch(() => this.#remove(ttlSeconds, lease))
    return lease.id
  }

  /** To be called when etcd does not know a lease any more. */
  forget(ttlSeconds: number): void {
    this.#byTtl.delete(ttlSeconds)
  }

  async #grant(seconds: number): Promise<bigint> {
    const { ID } = await this.#connection.read(Lease.method.leaseGrant, { TTL: BigInt(seconds) })
    return ID
  }

  #remove(ttlSeconds: number, lease: SharedLease): void {
    if (this.#byTtl.get(ttlSeconds) === lease) this.#byTtl.delete(ttlSeconds)
  }
}
