import { endpointSlices, services } from '../../api/generated/resources.ts'
import { every, type Cancel, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { BackendAgents, type TlsIdentity } from '../connect/backend.ts'
import type { DiscoveredGroup, DiscoveredResource } from '../discovery/discovered.ts'
import type { Objects } from '../objects.ts'
import type { ResourceTable } from '../registry/resource-table.ts'
import type { ServiceResolver } from '../webhook/service-resolver.ts'
import { checkAvailability, type AvailabilityContext } from './availability.ts'
import { mergeGroups } from './merge-groups.ts'
import { registerLocalApis } from './register-local.ts'
import { RemoteApis, type RemoteApi } from './remote-apis.ts'
import { RemoteOpenApi } from './remote-openapi.ts'
import { discoverRemote } from './remote-discovery.ts'

export interface AggregatorOptions {
  readonly objects: Objects
  readonly table: ResourceTable
  readonly resolve: ServiceResolver
  readonly identity: TlsIdentity
  readonly clock: Clock
  readonly log: Logger
}

/** How often remote servers are looked at when nothing tells of a change. */
const checkPeriodMs = 30_000
/** How soon after a failed check comes the next one; doubled each time up to the period. */
const firstRetryMs = 250

interface Known {
  readonly resources: readonly DiscoveredResource[]
}

/** Knows the APIs of other servers: whether they are there, and what they serve. */
export class Aggregator {
  readonly apis: RemoteApis
  readonly agents = new BackendAgents()
  readonly openApi: RemoteOpenApi
  readonly #options: AggregatorOptions
  readonly #context: AvailabilityContext
  readonly #known = new Map<string, Known>()
  readonly #checking = new Map<string, Promise<void>>()
  readonly #retries = new Map<string, { readonly cancel: Cancel; readonly delayMs: number }>()
  readonly #closing: (() => void)[] = []
  #discoveries = 0
  #cancelCheck: Cancel | undefined
  #closed = false

  constructor(options: AggregatorOptions) {
    const { objects, resolve, identity, clock } = options
    this.#options = options
    this.#context = { objects, resolve, identity, agents: this.agents, clock }
    this.apis = new RemoteApis(objects)
    this.openApi = new RemoteOpenApi(() => this.apis.all(), this.#context)
    this.#closing.push(this.apis.stop)
  }

  /** Changes when what `groups` says does. */
  get generation(): string {
    return `${this.#options.table.generation}/${this.apis.generation}/${this.#discoveries}`
  }

  /** Registers what is served here, and looks after the rest from now on. */
  async start(): Promise<void> {
    const { objects, table, clock, log } = this.#options
    await registerLocalApis(objects, table)
    let registered = table.generation
    const register = () => {
      if (registered === table.generation) return
      registered = table.generation
      registerLocalApis(objects, table).catch((error: unknown) => {
        registered = -1
        log.error('registering APIs failed', { error: String(error) })
      })
    }
    this.#closing.push(every(clock, 1000, register))
    this.apis.onChange(() => this.#checkSoon())
    this.#closing.push(every(clock, checkPeriodMs, () => this.#checkAll()))
    const concerns = ({
      object,
    }: {
      readonly object: { readonly metadata?: { readonly namespace?: string } }
    }) => {
      const namespace = object.metadata?.namespace
      if (this.apis.all().some(({ service }) => service.namespace === namespace)) this.#checkSoon()
    }
    this.#closing.push(objects.onChange(services, concerns), objects.onChange(endpointSlices, concerns))
    this.#checkSoon()
  }

  /** All groups that there are, here and elsewhere. */
  groups(local: readonly DiscoveredGroup[]): readonly DiscoveredGroup[] {
    const remote = this.apis.all().map((api) => {
      const known = this.#known.get(keyOf(api))
      return { api, resources: known?.resources ?? [], isStale: !api.isAvailable || !known }
    })
    return mergeGroups(local, remote)
  }

  close(): void {
    this.#closed = true
    for (const close of this.#closing) close()
    this.#cancelCheck?.()
    for (const { cancel } of this.#retries.values()) cancel()
    this.agents.close()
  }

  /** Several changes at once are one reason to look. */
  #checkSoon(): void {
    this.#cancelCheck ??= this.#options.clock.after(0, () => {
      this.#cancelCheck = undefined
      this.#checkAll()
    })
  }

  #checkAll(): void {
    for (const api of this.apis.all()) this.#check(api)
    const names = new Set(this.apis.all().map(keyOf))
    for (const key of this.#known.keys()) if (!names.has(key)) this.#known.delete(key)
  }

  #check(api: RemoteApi): void {
    const key = keyOf(api)
    if (this.#closed || this.#checking.has(key)) return
    const { log } = this.#options
    const work = this.#checkNow(api)
      .catch((error: unknown) => log.warn('checking an API failed', { api: api.name, error: String(error) }))
      .finally(() => this.#checking.delete(key))
    this.#checking.set(key, work)
  }

  async #checkNow(api: RemoteApi): Promise<void> {
    const key = keyOf(api)
    if (!(await checkAvailability(api, this.#context))) {
      this.#retryLater(api)
      return
    }
    this.#retries.get(key)?.cancel()
    this.#retries.delete(key)
    const resources = await discoverRemote(api, this.#context)
    const before = this.#known.get(key)
    if (before && JSON.stringify(before.resources) === JSON.stringify(resources)) return
    this.#known.set(key, { resources })
    this.#discoveries++
  }

  #retryLater(api: RemoteApi): void {
    const key = keyOf(api)
    const previous = this.#retries.get(key)
    previous?.cancel()
    const delayMs = Math.min((previous?.delayMs ?? firstRetryMs / 2) * 2, checkPeriodMs)
    const cancel = this.#options.clock.after(delayMs, () => {
      const current = this.apis.find(api.group, api.version)
      if (current) this.#check(current)
    })
    this.#retries.set(key, { cancel, delayMs })
  }
}

/** Which server serves which API: another server knows other things. */
function keyOf({ name, service }: RemoteApi): string {
  return `${name} ${service.namespace}/${service.name}:${service.port}`
}
