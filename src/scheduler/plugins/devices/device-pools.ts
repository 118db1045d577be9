import { matchesNodeSelector } from '../../../api/core/node-affinity.ts'
import type { Node, NodeSelector } from '../../../api/generated/core.v1.ts'
import type { CounterSet, Device, ResourceSlice } from '../../../api/generated/resource.v1.ts'

/** A device with the slice that offers it. */
export interface PooledDevice {
  /** `driver/pool/device`, unique in the cluster. */
  readonly id: string
  readonly device: Device
  readonly slice: ResourceSlice
}

/** What of a pool a node can reach. */
export interface Pool {
  /** `driver/name` */
  readonly id: string
  readonly driver: string
  readonly name: string
  /** Some of its slices are not there yet, or what they say does not fit together: nothing is allocated from it. */
  readonly state: 'usable' | 'incomplete' | 'invalid'
  readonly devices: readonly PooledDevice[]
  /** All of the pool, reachable or not: what is allocated of them uses shared counters. */
  readonly allDevices: readonly PooledDevice[]
  readonly counterSets: readonly CounterSet[]
}

/** The pools of all slices: only the newest generation of each counts. */
export interface PoolIndex {
  /** What the node can reach, in the order in which devices are tried. */
  poolsOf(node: Node): readonly Pool[]
}

interface PoolSlices {
  readonly id: string
  readonly driver: string
  readonly name: string
  readonly generation: number
  readonly slices: readonly ResourceSlice[]
  /** Its devices must be confirmed before pods are bound to them: they are the last choice. */
  readonly hasBindingConditions: boolean
}

export function deviceId(driver: string, pool: string, device: string): string {
  return `${driver}/${pool}/${device}`
}

/** Source: k8s.io/dynamic-resource-allocation/structured, GatherPools. */
export function indexPools(slices: readonly ResourceSlice[]): PoolIndex {
  const pools = [...newestGenerations(slices)].sort(inOrder)
  const byNode = new Map<string, Set<PoolSlices>>()
  const anywhere = new Set<PoolSlices>()
  for (const pool of pools) {
    for (const { spec } of pool.slices) {
      if (spec.sharedCounters?.length) continue
      if (spec.nodeName === undefined) anywhere.add(pool)
      else byNode.set(spec.nodeName, (byNode.get(spec.nodeName) ?? new Set()).add(pool))
    }
  }
  return {
    poolsOf(node) {
      const local = byNode.get(node.metadata?.name ?? '')
      const reachable = pools.length === anywhere.size ? pools : [...anywhere, ...(local ?? [])]
      const ordered = [...new Set(reachable)].sort(inOrder)
      return ordered.flatMap((pool) => poolOn(node, pool) ?? [])
    },
  }
}

function inOrder(a: PoolSlices, b: PoolSlices): number {
  if (a.hasBindingConditions !== b.hasBindingConditions) return a.hasBindingConditions ? 1 : -1
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

function newestGenerations(slices: readonly ResourceSlice[]): Iterable<PoolSlices> {
  const pools = new Map<string, ResourceSlice[]>()
  for (const slice of slices) {
    const { driver, pool } = slice.spec
    const id = `${driver}/${pool.name}`
    const known = pools.get(id)
    const newest = known?.[0]?.spec.pool.generation ?? -1
    if (!known || pool.generation > newest) pools.set(id, [slice])
    else if (pool.generation === newest) known.push(slice)
  }
  return [...pools].map(([id, own]) => {
    const { driver, pool } = own[0]!.spec
    const sorted = own.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    return {
      id,
      driver,
      name: pool.name,
      generation: pool.generation,
      slices: sorted,
      hasBindingConditions: own.some(({ spec }) =>
        spec.devices?.some(({ bindingConditions }) => bindingConditions?.length),
      ),
    }
  })
}

function nameOf({ metadata }: ResourceSlice): string {
  return metadata?.name ?? ''
}

/** Undefined when the node reaches nothing of the pool. */
function poolOn(node: Node, { id, driver, name, slices }: PoolSlices): Pool | undefined {
  const reachable = slices.filter((slice) => reaches(node, slice))
  if (reachable.length === 0) return undefined
  const counterSets = slices.flatMap(({ spec }) => spec.sharedCounters ?? [])
  const devices = reachable.flatMap((slice) => devicesOf(slice).filter((device) => isOn(node, device)))
  const allDevices = slices.flatMap(devicesOf)
  const isComplete = slices.length === slices[0]!.spec.pool.resourceSliceCount
  const state = !isComplete
    ? 'incomplete'
    : hasDuplicates(reachable) || !countersExist(allDevices, counterSets)
      ? 'invalid'
      : 'usable'
  return { id, driver, name, state, devices, allDevices, counterSets }
}

function devicesOf(slice: ResourceSlice): PooledDevice[] {
  const { driver, pool, devices = [] } = slice.spec
  return devices.map((device) => ({ id: deviceId(driver, pool.name, device.name), device, slice }))
}

/** The node reaches the slice, or some device of it. */
function reaches(node: Node, { spec }: ResourceSlice): boolean {
  if (spec.sharedCounters?.length) return false
  if (spec.perDeviceNodeSelection) return (spec.devices ?? []).some((device) => matches(node, device))
  return matches(node, spec)
}

function isOn(node: Node, { device, slice }: PooledDevice): boolean {
  return !slice.spec.perDeviceNodeSelection || matches(node, device)
}

function matches(
  node: Node,
  selection: {
    readonly nodeName?: string
    readonly allNodes?: boolean
    readonly nodeSelector?: NodeSelector
  },
): boolean {
  if (selection.nodeName) return selection.nodeName === node.metadata?.name
  if (selection.allNodes) return true
  return selection.nodeSelector !== undefined && matchesNodeSelector(selection.nodeSelector, node)
}

function hasDuplicates(slices: readonly ResourceSlice[]): boolean {
  const names = slices.flatMap(({ spec }) => (spec.devices ?? []).map(({ name }) => name))
  return new Set(names).size < names.length
}

function countersExist(devices: readonly PooledDevice[], sets: readonly CounterSet[]): boolean {
  const byName = new Map(sets.map((set) => [set.name, set.counters]))
  if (byName.size < sets.length) return false
  return devices.every(({ device }) =>
    (device.consumesCounters ?? []).every(({ counterSet, counters }) => {
      const known = byName.get(counterSet)
      return known !== undefined && Object.keys(counters).every((counter) => counter in known)
    }),
  )
}
