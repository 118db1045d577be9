import { every, sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { ApiServerOptions } from '../api-server.ts'
import type { RequestPipeline } from '../request-pipeline.ts'
import type { Service } from '../serve-requests.ts'
import { ensureKubernetesService } from './kubernetes-service.ts'
import { ServerIdentity } from './server-identity.ts'
import { ServerLeases } from './server-leases.ts'

/** What says that a server is there: renewed again and again, and taken back when the server goes. */
interface Presence {
  renew(): Promise<void>
  leave(): Promise<void>
}

const renewPeriodMs = 10_000
const forgetServersPeriodMs = 3_600_000
/** A store that does not answer keeps nobody from stopping for longer: what leases say ends by itself. */
const leaveTimeoutMs = 20_000

/** Says where this server is, in the Service `kubernetes` and in a lease of its own, as long as it is there. */
export async function keepPresent(
  options: ApiServerOptions,
  pipeline: RequestPipeline,
  service: Service,
  closing: (() => void | Promise<void>)[],
): Promise<void> {
  const { clock, log, hostName } = options
  const inService = presenceInService(options, pipeline, service, closing)
  const presences: Presence[] = []
  closing.push(() => leaveAll(presences, options))
  await service.started('start-kubernetes-service-controller', () => inService.renew())
  presences.push(inService)
  if (hostName !== undefined) {
    const identity = new ServerIdentity({ ...pipeline.parts, hostName })
    await service.started('start-kube-apiserver-identity-lease-controller', () => identity.renew())
    presences.push(identity)
    await service.started('start-kube-apiserver-identity-lease-garbage-collector', () =>
      identity.forgetOthers(),
    )
    closing.push(
      every(clock, forgetServersPeriodMs, () => {
        identity.forgetOthers().catch((error: unknown) => {
          log.error('forgetting servers that have gone failed', { error: String(error) })
        })
      }),
    )
  }
  closing.push(
    every(clock, renewPeriodMs, () => {
      for (const presence of presences) {
        presence.renew().catch((error: unknown) => {
          log.error('saying that this server is there failed', { error: String(error) })
        })
      }
    }),
  )
}

/** Servers that share a store tell one another by leases in it, so that the Service has the addresses of all. */
function presenceInService(
  options: ApiServerOptions,
  { parts, allocators, feed }: RequestPipeline,
  { port }: Service,
  closing: (() => void | Promise<void>)[],
): Presence {
  const own = options.advertiseAddress ?? options.address
  const clusterIp = allocators.addresses[0]!.first
  const leases = options.sharesStore ? new ServerLeases(options.store, feed) : undefined
  if (leases) closing.push(() => leases.close())
  const tell = () => {
    const addresses = leases?.addresses ?? [own]
    return ensureKubernetesService(parts.objects, { clusterIp, addresses, port })
  }
  return {
    async renew() {
      await leases?.renew(own)
      await tell()
    },
    async leave() {
      if (!leases) return
      await leases.drop(own)
      if (leases.addresses.length > 0) await tell()
    },
  }
}

async function leaveAll(
  presences: readonly Presence[],
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<void> {
  const leaving = presences.map((presence) =>
    presence.leave().catch((error: unknown) => {
      log.warn('what says that this server is there could not be taken back', { error: String(error) })
    }),
  )
  await Promise.race([Promise.all(leaving), sleep(clock, leaveTimeoutMs)])
}
