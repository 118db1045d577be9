import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import type { Family } from './addresses.ts'
import type { ProxyMetrics } from './proxy-metrics.ts'
import { staleFlows, udpDigest, type UdpPort } from './stale-flows.ts'

/** Runs the program conntrack and gives what it printed; throws when it fails. */
export type Conntrack = (args: readonly string[]) => Promise<string>

export interface FlowKeeperOptions {
  readonly conntrack: Conntrack
  readonly clock: Clock
  readonly log: Logger
  readonly numbers: Pick<ProxyMetrics, 'flowsReconciled'>
}

/** Forgets UDP flows that would go on to nobody. */
export interface FlowKeeper {
  /** The UDP ports of a Service from now on. */
  set(service: string, ports: readonly UdpPort[]): void
  /** Looks through the kernel's flows, when ports changed since the last time; never throws. */
  reconcile(isNodePortAddress: (address: string) => boolean): Promise<void>
}

const families = ['IPv4', 'IPv6'] as const

export function createFlowKeeper({ conntrack, clock, log, numbers }: FlowKeeperOptions): FlowKeeper {
  const services = new Map<string, { readonly digest: string; readonly ports: readonly UdpPort[] }>()
  const changed = new Set<Family>()
  let hasComplained = false

  async function reconcileFamily(
    family: Family,
    isNodePortAddress: (address: string) => boolean,
  ): Promise<void> {
    const startedAt = clock.monotonic()
    const ports = [...services.values()].flatMap((service) => service.ports)
    const version = family === 'IPv6' ? 'ipv6' : 'ipv4'
    const listing = await conntrack(['-L', '-f', version, '-p', 'udp'])
    const stale = staleFlows(listing, family, ports, isNodePortAddress)
    for (const flow of stale) await forget(flow)
    numbers.flowsReconciled(family, (clock.monotonic() - startedAt) / 1000, stale.length)
  }

  /** conntrack fails when the flow has just ended by itself, which is what is wanted. */
  async function forget(flow: readonly string[]): Promise<void> {
    try {
      await conntrack(flow)
    } catch (error) {
      log.debug('no flow was forgotten', { flow: flow.join(' '), error: String(error) })
    }
  }

  return {
    set(service, ports) {
      const digest = udpDigest(ports)
      const before = services.get(service)
      if (digest === (before?.digest ?? '')) return
      for (const { family } of [...ports, ...(before?.ports ?? [])]) changed.add(family)
      if (ports.length === 0) services.delete(service)
      else services.set(service, { digest, ports })
    },
    async reconcile(isNodePortAddress) {
      for (const family of families.filter((one) => changed.delete(one))) {
        try {
          await reconcileFamily(family, isNodePortAddress)
        } catch (error) {
          if (!hasComplained)
            log.warn('flows of UDP services may go on to endpoints that are gone', { error })
          hasComplained = true
        }
      }
    },
  }
}
