import { resourceSlices } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { Cancel, Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { connectPlugin, type PluginConnection } from '../plugins/plugin-connection.ts'
import type { PluginHandler } from '../plugins/plugin-watcher.ts'
import { DRAPlugin } from './generated/dra_pb.ts'
import type { ClaimRecord, PreparedDevice } from './claim-checkpoint.ts'

export type ClaimIdentity = Pick<ClaimRecord, 'uid' | 'name' | 'namespace'>

/** Drivers of dynamic resources that have made themselves known. */
export interface DraDrivers {
  readonly handler: PluginHandler
  /** Throws where the driver is not there. */
  get(name: string): DraDriver
  stop(): void
}

/** Each rejects, in upstream's words, when the driver cannot, or does not say that it has. */
export interface DraDriver {
  prepare(claim: ClaimIdentity): Promise<readonly PreparedDevice[]>
  unprepare(claim: ClaimIdentity): Promise<void>
}

export interface DraDriversOptions {
  readonly nodeName: string
  readonly client: Client
  readonly clock: Clock
  readonly log: Logger
  /** A driver has come: what failed for want of it may succeed. */
  readonly onDriver: () => void
}

const service = 'v1.DRAPlugin'
const callTimeoutMs = 45_000
/** A driver that is started again has this long to come back before what it offers is withdrawn. */
const wipingDelayMs = 30_000

/** Source: kubernetes/pkg/kubelet/cm/dra/plugin. */
export function createDraDrivers(options: DraDriversOptions): DraDrivers {
  const { nodeName, client, clock, log } = options
  /** The one that came last serves: a driver may be replaced while the old one still runs. */
  const drivers = new Map<string, { readonly endpoint: string; readonly connection: PluginConnection }[]>()
  const wipes = new Map<string, Cancel>()

  /** What drivers that are not there offer must not be given to pods. */
  function wipe(driver: string | undefined): void {
    const fieldSelector = [`spec.nodeName=${nodeName}`, ...(driver ? [`spec.driver=${driver}`] : [])].join(
      ',',
    )
    client
      .deleteCollection(resourceSlices, { fieldSelector })
      .catch((error: unknown) => log.warn('removing ResourceSlices failed', { driver, error }))
  }
  // Drivers publish theirs when they have been registered; what is there is of another time.
  wipe(undefined)

  return {
    handler: {
      async register(name, endpoint, versions) {
        if (!versions.includes(service)) {
          throw new Error(
            `none of the DRA gRPC service versions that the driver "${name}" supports, [${versions.join(' ')}], is ${service}`,
          )
        }
        const entries = drivers.get(name) ?? []
        if (entries.some((entry) => entry.endpoint === endpoint)) {
          throw new Error(`DRA driver ${name} with endpoint ${endpoint} already registered`)
        }
        drivers.set(name, [...entries, { endpoint, connection: connectPlugin(endpoint) }])
        wipes.get(name)?.()
        wipes.delete(name)
        options.onDriver()
      },
      async deregister(name, endpoint) {
        const entries = drivers.get(name) ?? []
        entries.find((entry) => entry.endpoint === endpoint)?.connection.close()
        const rest = entries.filter((entry) => entry.endpoint !== endpoint)
        if (rest.length > 0) return void drivers.set(name, rest)
        drivers.delete(name)
        wipes.get(name)?.()
        const cancel = clock.after(wipingDelayMs, () => {
          wipes.delete(name)
          wipe(name)
        })
        wipes.set(name, cancel)
      },
    },
    get(name) {
      const connection = drivers.get(name)?.at(-1)?.connection
      if (!connection) throw new Error(`DRA driver ${name} is not registered`)
      return driverOver(connection)
    },
    stop() {
      for (const cancel of wipes.values()) cancel()
      for (const { connection } of [...drivers.values()].flat()) connection.close()
    },
  }
}

function driverOver(connection: PluginConnection): DraDriver {
  const { nodePrepareResources, nodeUnprepareResources } = DRAPlugin.method
  return {
    async prepare(claim) {
      const { claims } = await connection
        .call(nodePrepareResources, { claims: [{ ...claim }] }, callTimeoutMs)
        .catch((error: unknown) => {
          throw new Error(`NodePrepareResources: ${wordsOf(error)}`)
        })
      const result = claims[claim.uid]
      if (!result) throw new Error('NodePrepareResources skipped 1 ResourceClaims')
      if (result.error !== '') {
        throw new Error(`NodePrepareResources failed for ResourceClaim ${claim.name}: ${result.error}`)
      }
      return result.devices.map(({ requestNames, poolName, deviceName, cdiDeviceIds }) => ({
        requestNames,
        poolName,
        deviceName,
        cdiDeviceIDs: cdiDeviceIds,
      }))
    },
    async unprepare(claim) {
      const { claims } = await connection
        .call(nodeUnprepareResources, { claims: [{ ...claim }] }, callTimeoutMs)
        .catch((error: unknown) => {
          throw new Error(`NodeUnprepareResources: ${wordsOf(error)}`)
        })
      const result = claims[claim.uid]
      if (!result) throw new Error('NodeUnprepareResources skipped 1 ResourceClaims')
      if (result.error !== '') {
        throw new Error(`NodeUnprepareResources failed for ResourceClaim ${claim.name}: ${result.error}`)
      }
    },
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
