import type { Lease } from '../../api/generated/coordination.v1.ts'
import type { Node } from '../../api/generated/core.v1.ts'
import { leases } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Random } from '../../machinery/random.ts'
import { isConflict, isNotFound } from '../../machinery/status-errors.ts'
import { formatMicroTime } from '../../machinery/time.ts'

const namespace = 'kube-node-lease'
const leaseDurationSeconds = 40
const renewPeriodMs = 10_000
const jitter = 0.04
const firstRetryMs = 100
const maximumRetryMs = 7000

/** Renews the node's lease every ten seconds: the sign that the node lives. Resolves, when stopped, with nothing left. */
export function keepNodeLease(context: {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly nodeName: string
  /** Owns the lease, once it is registered. */
  readonly node: () => Node | undefined
}): { stop(): Promise<void> } {
  const { client, clock, random, log, nodeName } = context
  const abort = new AbortController()
  let lease: Lease | undefined

  async function renew(): Promise<void> {
    const renewTime = formatMicroTime(clock.now())
    try {
      lease ??= await client.get(leases, { namespace, name: nodeName })
      lease = await client.update(leases, {
        ...lease,
        metadata: { ...lease.metadata, ...owner() },
        spec: { ...lease.spec, holderIdentity: nodeName, leaseDurationSeconds, renewTime },
      })
    } catch (error) {
      lease = undefined
      if (!isNotFound(error)) throw error
      lease = await client.create(leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: nodeName, namespace, ...owner() },
        spec: { holderIdentity: nodeName, leaseDurationSeconds, renewTime },
      })
    }
  }

  function owner(): Pick<NonNullable<Lease['metadata']>, 'ownerReferences'> {
    const uid = context.node()?.metadata?.uid
    if (uid === undefined) return {}
    return { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }] }
  }

  async function run(): Promise<void> {
    let retryMs = firstRetryMs
    while (!abort.signal.aborted) {
      let delayMs = renewPeriodMs * (1 + jitter * random.next())
      try {
        await renew()
        retryMs = firstRetryMs
      } catch (error) {
        if (abort.signal.aborted) return
        if (!isConflict(error)) log.warn('renewing the node lease failed', { node: nodeName, error })
        delayMs = retryMs
        retryMs = Math.min(retryMs * 2, maximumRetryMs)
      }
      await sleep(clock, delayMs, abort.signal).catch(() => undefined)
    }
  }

  const running = run()
  return {
    async stop() {
      abort.abort(new Error('the kubelet stops'))
      await running
    },
  }
}
