import type { ApiServer } from '../../apiserver/api-server.ts'
import type { Client } from '../../client/client.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { createInformers } from '../../client/informers/informers.ts'
import { startControllers } from '../../controllers/start.ts'
import type { Machine } from '../../kubelet/node/machine.ts'
import { startKubelet } from '../../kubelet/start-kubelet.ts'
import { silentLogger, type Logger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { seededRandom, type Random } from '../../machinery/random.ts'
import type { Resource } from '../../machinery/resource.ts'
import { fakeClock, type FakeClock } from '../../machinery/testing/fake-clock.ts'
import { startScheduler } from '../../scheduler/start.ts'
import { startClusterApiServer } from '../cluster-api-server.ts'
import { inProcessClient } from '../in-process-client.ts'
import { addressPlan, apiServiceAddress, type AddressPlan } from '../machine/address-plan.ts'
import {
  adminIdentity,
  apiServerNames,
  controllerManagerIdentity,
  ensureClusterPki,
  nodeIdentity,
  schedulerIdentity,
  serviceAccountIdentity,
  type ClientIdentity,
  type ClusterPki,
} from '../pki/cluster-pki.ts'
import { memoryPemStore } from '../pki/pem-store.ts'
import { faultyClient } from './faulty-client.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly nodes: number
  /** Nodes do not crash: only the control plane does. */
  readonly sparesNodes: boolean
  readonly log?: Logger
}

/** Said, not looked up: files take time that no clock here counts, and then a seed would not decide everything. */
const machine: Machine = {
  machineID: 'simulated',
  systemUUID: 'simulated',
  bootID: 'simulated',
  kernelVersion: '6.1.0',
  osImage: 'Simulated',
  architecture: 'amd64',
  cpus: 4,
  memoryBytes: 8 * 2 ** 30,
  swapBytes: 0,
  ephemeralStorageBytes: 100 * 2 ** 30,
  hasAppArmor: false,
  hugepages: {},
}

/** A component that can crash at any moment, and comes back. */
interface Crashable {
  readonly name: string
  readonly isNode: boolean
  crash(): void
  /** Undefined while it is down. */
  readonly running: RunningComponent | undefined
  stop(): Promise<void>
}

/** Keys are the same in every simulation: making them is slow, and nothing depends on them. */
const keys = memoryPemStore()
const longestOutageMs = 20_000
/** So long after a node has gone that its pods have been evicted. */
const longestNodeOutageMs = 420_000

/**
 * A whole cluster in this process, on a clock that only moves when told to: the real API server, every controller, the
 * scheduler and simulated nodes. One seed decides everything that goes wrong.
 */
export class Simulation {
  readonly clock: FakeClock
  readonly random: Random
  readonly sparesNodes: boolean
  /** The administrator's, which is spared from faults. */
  readonly client: Client
  readonly #server: ApiServer
  readonly #undo: (() => void | Promise<void>)[]
  readonly #log: Logger
  readonly #components: Crashable[] = []
  #faultsAreOn = false
  /** By resource, when each was; milliseconds on the monotonic clock. */
  readonly #lostWrites = new Map<string, number[]>()

  static async start(options: SimulationOptions): Promise<Simulation> {
    const clock = fakeClock()
    const plan = addressPlan(0, options.nodes)
    const pki = ensureClusterPki(keys, apiServerNames(apiServiceAddress(plan), [], ''), clock.now())
    const undo: (() => void | Promise<void>)[] = []
    const log = options.log ?? silentLogger
    const starting = startClusterApiServer(
      {
        pki,
        store: { type: 'memory' },
        dataFolder: '',
        bindAddress: '127.0.0.1',
        port: 0,
        advertiseAddress: '127.0.0.1',
        serviceCidr: plan.serviceCidr,
        clock,
        random: seededRandom(options.seed),
        log,
      },
      undo,
      [],
    )
    const simulation = new Simulation(options, clock, await driven(clock, starting), undo)
    simulation.#addControlPlane(pki, plan)
    for (let index = 1; index <= options.nodes; index++) simulation.#addNode(`node${index}`)
    return simulation
  }

  private constructor(
    { seed, sparesNodes, log = silentLogger }: SimulationOptions,
    clock: FakeClock,
    server: ApiServer,
    undo: (() => void | Promise<void>)[],
  ) {
    this.clock = clock
    this.sparesNodes = sparesNodes
    this.random = seededRandom(seed + 1)
    this.#server = server
    this.#undo = undo
    this.#log = log
    this.client = this.#clientOf(adminIdentity)
  }

  /** Moves time. */
  async advance(milliseconds: number): Promise<void> {
    await this.clock.advance(milliseconds)
  }

  /** From now on everything that can go wrong may, until `faults(false)`; components that are down then come back. */
  faults(areOn: boolean): void {
    this.#faultsAreOn = areOn
  }

  /** Crashes a component chosen at random. */
  crashOne(): string {
    const crashing = this.sparesNodes ? this.#components.filter(({ isNode }) => !isNode) : this.#components
    const component = crashing[Math.floor(this.random.next() * crashing.length)]!
    component.crash()
    return component.name
  }

  /** How many writes of the resource were made in the last `withinMs` whose writers did not hear of it. */
  readonly lostWrites = ({ resource }: Resource, withinMs: number): number => {
    const sinceMs = this.clock.monotonic() - withinMs
    return (this.#lostWrites.get(resource) ?? []).filter((atMs) => atMs >= sinceMs).length
  }

  /** Every component is up. */
  get isWhole(): boolean {
    return this.#components.every(({ running }) => running !== undefined)
  }

  async stop(): Promise<void> {
    this.#faultsAreOn = false
    await driven(this.clock, Promise.all(this.#components.map((component) => component.stop())))
    for (const step of this.#undo.toReversed()) await driven(this.clock, Promise.resolve(step()))
  }

  #clientOf({ user, groups }: ClientIdentity, program = user.replace(/^system:/, '')): Client {
    const groupsOf = [...groups, 'system:authenticated']
    return inProcessClient(this.#server, { name: user, groups: groupsOf }, { userAgent: program })
  }

  #addControlPlane({ authority }: ClusterPki, { podCidr, nodeCidrMaskSize }: AddressPlan): void {
    this.#add('kube-controller-manager', controllerManagerIdentity, longestOutageMs, (context, faulty) =>
      startControllers(context, {
        clientOf: (account) => faulty(serviceAccountIdentity(account), 'kube-controller-manager'),
        rootCa: authority.certificatePem,
        nodeIpam: { clusterCidrs: [podCidr], nodePrefixLengthIpv4: nodeCidrMaskSize },
      }),
    )
    this.#add('kube-scheduler', schedulerIdentity, longestOutageMs, (context) => startScheduler(context))
  }

  #addNode(name: string): void {
    this.#add(name, nodeIdentity(name), longestNodeOutageMs, (context) =>
      startKubelet(context, {
        nodeName: name,
        nodeIPs: ['127.0.0.1'],
        runtime: { type: 'simulated' },
        machine,
        resolvConf: '',
      }),
    )
  }

  /** Starts a component, and again whenever it has crashed and been away for a while. */
  #add(
    name: string,
    identity: ClientIdentity,
    longestAwayMs: number,
    start: (
      context: ComponentContext,
      faulty: (identity: ClientIdentity, program?: string) => Client,
    ) => Promise<RunningComponent>,
  ): void {
    const { clock } = this
    const isNode = identity.groups.includes('system:nodes')
    const log = this.#log.with({ simulated: name })
    const faults = seededRandom(Math.floor(this.random.next() * 2 ** 31))
    let life: { isDead: boolean; component: RunningComponent | undefined; end(): Promise<void> } | undefined
    const ending = new Set<Promise<void>>()
    let stopped = false

    const begin = () => {
      if (stopped) return
      const faulty = (who: ClientIdentity, program?: string) =>
        faultyClient(this.#clientOf(who, program), {
          clock,
          random: faults,
          isActive: () => this.#faultsAreOn,
          isDead: () => own.isDead,
          crash: () => {
            if (!isNode || !this.sparesNodes) crash(own)
          },
          onLostWrite: ({ resource }) => {
            const lost = this.#lostWrites.get(resource) ?? []
            this.#lostWrites.set(resource, [...lost, clock.monotonic()])
          },
        })
      const client = faulty(identity)
      const random = seededRandom(Math.floor(faults.next() * 2 ** 31))
      const informers = createInformers({ client, clock, random, log })
      const own: NonNullable<typeof life> = {
        isDead: false,
        component: undefined,
        async end() {
          await (await starting)?.stop()
          await informers.stop()
        },
      }
      life = own
      const context = { client, informers, clock, random, log, metrics: createMetrics() }
      const starting = start(context, faulty).then(
        (component) => (own.component = component),
        (error: unknown) => {
          log.warn('a component could not start', { error })
          crash(own)
          return undefined
        },
      )
    }

    const crash = (own: NonNullable<typeof life>) => {
      if (own.isDead || stopped) return
      own.isDead = true
      if (life === own) life = undefined
      const end = own.end().finally(() => ending.delete(end))
      ending.add(end)
      clock.after(1 + faults.next() * longestAwayMs, begin)
    }

    begin()
    this.#components.push({
      name,
      isNode,
      crash: () => {
        if (life) crash(life)
      },
      get running() {
        return life?.component
      },
      async stop() {
        stopped = true
        if (life) {
          life.isDead = true
          await life.end()
        }
        await Promise.all(ending)
      },
    })
  }
}

/** Moves time until a promise has settled. */
async function driven<T>(clock: FakeClock, promise: Promise<T>): Promise<T> {
  const state = { isSettled: false }
  void Promise.allSettled([promise]).then(() => (state.isSettled = true))
  for (let turn = 0; !state.isSettled; turn++) {
    if (turn > 10_000) throw new Error('it does not come to an end, however much time goes by')
    await clock.advance(turn < 50 ? 0 : 100)
  }
  return promise
}
