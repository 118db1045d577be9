import type { Client } from '../client/client.ts'
import type { RunningComponent } from '../client/component.ts'
import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import type { Random } from '../machinery/random.ts'
import type { ClientIdentity, ClusterPki } from './pki/cluster-pki.ts'
import type { StoreChoice } from './state/cluster-state.ts'

export interface ControlPlaneOptions {
  readonly pki: ClusterPki
  readonly store: StoreChoice
  /** Of the embedded store. */
  readonly dataFolder: string
  readonly bindAddress: string
  /** 0 takes a free one. */
  readonly port: number
  /** Where nodes reach the API server. */
  readonly advertiseAddress: string
  readonly serviceCidr: string
  readonly podCidr: string
  readonly nodeCidrMaskSize: number
  readonly clock: Clock
  readonly random: Random
  /** A log for each component. */
  readonly logs: {
    readonly apiServer: Logger
    readonly controllerManager: Logger
    readonly scheduler: Logger
  }
}

/** API server, controllers and scheduler in this process. */
export interface ControlPlane {
  readonly port: number
  readonly components: readonly RunningComponent[]
  /** Speaks to the API server as somebody, without a network in between. */
  client(identity: ClientIdentity): Client
  stop(): Promise<void>
}

/** Starts a control plane; resolves when the API server answers. */
export function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  return Promise.reject(new Error(`no API server yet for port ${options.port}`))
}
