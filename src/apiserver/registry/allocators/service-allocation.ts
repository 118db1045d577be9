import { needsHealthCheck } from '../../../api/core/service-validation.ts'
import type { Service, ServicePort, ServiceSpec } from '../../../api/generated/core.v1.ts'
import { invalid as invalidField, path, type FieldPath } from '../../../machinery/field-error.ts'
import type { Writable } from '../../../machinery/meta.ts'
import { internalError, invalid } from '../../../machinery/status-errors.ts'
import type { Claim } from '../write-hooks.ts'
import { AllocationError } from './address-allocator.ts'
import type { FamilyAllocator } from './family-allocator.ts'
import type { PortAllocator } from './port-allocator.ts'
import { familyOf, isHeadless, staysPreferDualStack } from './service-families.ts'

export interface Allocators {
  /** The default family's first. */
  readonly addresses: readonly FamilyAllocator[]
  readonly ports: PortAllocator
}

const specPath = path('spec')

/**
 * The addresses and ports of one Service while it is written: what is claimed is given back if the write fails, what
 * the Service has no more use for if it succeeds. Source: kubernetes/pkg/registry/core/service/storage/alloc.go.
 */
export class ServiceAllocation implements Claim {
  readonly #allocators: Allocators
  readonly #owner: string
  readonly #name: string
  readonly #dryRun: boolean
  readonly #undo: (() => Promise<void>)[] = []
  readonly #obsolete: (() => Promise<void>)[] = []
  readonly #claimedPorts = new Set<number>()

  /** `owner`: namespace/name of the Service. */
  constructor(allocators: Allocators, owner: string, dryRun: boolean) {
    this.#allocators = allocators
    this.#owner = owner
    this.#name = owner.slice(owner.indexOf('/') + 1)
    this.#dryRun = dryRun
  }

  async commit(): Promise<void> {
    for (const release of this.#obsolete) await release()
  }

  async release(): Promise<void> {
    for (const undo of this.#undo) await undo()
  }

  /** Claims what a new Service needs. */
  async create(spec: Writable<ServiceSpec>): Promise<void> {
    await this.#claimAddresses(spec, 0)
    await this.#claimPorts(spec, undefined)
    if (needsHealthCheck(spec)) await this.#claimHealthCheckPort(spec)
  }

  /** Claims what a Service needs more than before, and notes what it needs no more. */
  async update(spec: Writable<ServiceSpec>, previous: ServiceSpec): Promise<void> {
    if (!staysPreferDualStack(spec, previous)) await this.#updateAddresses(spec, previous)
    await this.#claimPorts(spec, previous)
    const nodePorts = new Set(nodePortsOf(spec))
    for (const port of nodePortsOf(previous)) if (!nodePorts.has(port)) this.#dropPort(port)
    const [needed, needs] = [needsHealthCheck(previous), needsHealthCheck(spec)]
    if (!needed && needs) await this.#claimHealthCheckPort(spec)
    if (needed && !needs && previous.healthCheckNodePort) this.#dropPort(previous.healthCheckNodePort)
  }

  /** Gives back all that a Service had which is gone. */
  async drop({ spec = {} }: Service): Promise<void> {
    for (const address of spec.clusterIPs ?? []) await this.#releaseAddress(address)
    for (const port of nodePortsOf(spec)) await this.#allocators.ports.release(port, this.#owner)
    const { healthCheckNodePort } = spec
    if (healthCheckNodePort) await this.#allocators.ports.release(healthCheckNodePort, this.#owner)
  }

  async #updateAddresses(spec: Writable<ServiceSpec>, previous: ServiceSpec): Promise<void> {
    if (previous.type === 'ExternalName') {
      await this.#claimAddresses(spec, 0)
      return
    }
    if (isHeadless(previous)) return
    const before = previous.clusterIPs ?? []
    const kept = spec.type === 'ExternalName' ? 0 : Math.min(before.length, spec.ipFamilies?.length ?? 0)
    for (const address of before.slice(kept)) this.#obsolete.push(() => this.#releaseUnlessDry(address))
    if (spec.type !== 'ExternalName') await this.#claimAddresses(spec, before.length)
  }

  /** Claims an address for each family from index `from` on. */
  async #claimAddresses(spec: Writable<ServiceSpec>, from: number): Promise<void> {
    if (spec.type === 'ExternalName' || isHeadless(spec)) return
    const addresses = [...(spec.clusterIPs ?? [])]
    for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
      if (index < from) continue
      const allocator = this.#allocators.addresses.find((candidate) => candidate.family === family)
      if (!allocator) throw internalError(`no addresses of family ${family}`)
      addresses[index] = await this.#claimAddress(allocator, addresses[index] ?? '', spec)
    }
    spec.clusterIPs = addresses
    spec.clusterIP = addresses[0] ?? ''
  }

  async #claimAddress(
    allocator: FamilyAllocator,
    wanted: string,
    spec: Writable<ServiceSpec>,
  ): Promise<string> {
    try {
      let address = wanted
      if (wanted === '') address = await allocator.claimAny(this.#owner, this.#dryRun)
      else await allocator.claim(wanted, this.#owner, this.#dryRun)
      this.#undo.push(() => this.#releaseUnlessDry(address))
      return address
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error
      if (wanted === '') throw internalError(`failed to allocate a serviceIP: ${error.message}`)
      const detail = `failed to allocate IP ${wanted}: ${error.message}`
      throw invalid('Service', this.#name, [
        invalidField(specPath.child('clusterIPs'), spec.clusterIPs, detail),
      ])
    }
  }

  async #claimPorts(spec: Writable<ServiceSpec>, previous: ServiceSpec | undefined): Promise<void> {
    if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return
    const kept = new Set(previous ? nodePortsOf(previous) : [])
    const ports = spec.ports ?? []
    for (const [index, port] of ports.entries()) {
      const at = specPath.child('ports').index(index).child('nodePort')
      if (port.nodePort) await this.#claimPort(port.nodePort, at, kept)
    }
    if (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts === false) return
    for (const port of ports) {
      if (port.nodePort) continue
      // TCP and UDP on one port of the Service share one on the nodes.
      port.nodePort = sharedNodePort(ports, port) ?? (await this.#claimAnyPort('a nodePort'))
    }
  }

  async #claimPort(port: number, at: FieldPath, kept: ReadonlySet<number>): Promise<void> {
    if (kept.has(port) || this.#claimedPorts.has(port)) return
    try {
      await this.#allocators.ports.claim(port, this.#owner, this.#dryRun)
      this.#noteClaimed(port)
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error
      throw invalid('Service', this.#name, [invalidField(at, port, error.message)])
    }
  }

  async #claimAnyPort(what: string): Promise<number> {
    try {
      const port = await this.#allocators.ports.claimAny(this.#owner, this.#dryRun, this.#claimedPorts)
      this.#noteClaimed(port)
      return port
    } catch (error) {
      if (error instanceof AllocationError)
        throw internalError(`failed to allocate ${what}: ${error.message}`)
      throw error
    }
  }

  async #claimHealthCheckPort(spec: Writable<ServiceSpec>): Promise<void> {
    const wanted = spec.healthCheckNodePort
    if (!wanted) {
      spec.healthCheckNodePort = await this.#claimAnyPort('a HealthCheck NodePort')
      return
    }
    try {
      await this.#allocators.ports.claim(wanted, this.#owner, this.#dryRun)
      this.#noteClaimed(wanted)
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error
      throw internalError(`failed to allocate requested HealthCheck NodePort ${wanted}: ${error.message}`)
    }
  }

  #noteClaimed(port: number): void {
    this.#claimedPorts.add(port)
    if (!this.#dryRun) this.#undo.push(() => this.#allocators.ports.release(port, this.#owner))
  }

  #dropPort(port: number): void {
    if (!this.#dryRun) this.#obsolete.push(() => this.#allocators.ports.release(port, this.#owner))
  }

  async #releaseUnlessDry(address: string): Promise<void> {
    if (!this.#dryRun) await this.#releaseAddress(address)
  }

  async #releaseAddress(address: string): Promise<void> {
    const allocator = this.#allocators.addresses.find(({ family }) => family === familyOf(address))
    await allocator?.release(address, this.#owner)
  }
}

function nodePortsOf({ ports = [] }: ServiceSpec): readonly number[] {
  return ports.flatMap(({ nodePort }) => nodePort || [])
}

function sharedNodePort(ports: readonly ServicePort[], port: ServicePort): number | undefined {
  const same = ports.find((other) => {
    return other.port === port.port && other.protocol !== port.protocol && other.nodePort
  })
  return same?.nodePort
}
