import { join } from 'node:path'
import { isExtendedResourceName } from '../../api/core/resource-names.ts'
import type { Container, Pod, ResourceStatus } from '../../api/generated/core.v1.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { quantityValue } from '../../machinery/quantity.ts'
import type { PluginHandler } from '../plugins/plugin-watcher.ts'
import { isSidecar, podUID, type AnyContainer } from '../pods/pod.ts'
import { chooseDevices, settleChoice } from './choose-devices.ts'
import { checkpointFile, readCheckpoint, writeCheckpoint, type Allocation } from './device-checkpoint.ts'
import { createDeviceMetrics } from './device-metrics.ts'
import { connectDevicePlugin, type DevicePlugin, type DevicePluginChoices } from './device-plugin.ts'
import { noAdditions, type ContainerAdditions } from './pod-resources.ts'
import { serveRegistration } from './registration-server.ts'

export interface DeviceManagerOptions {
  /** `<kubelet root>/device-plugins`. */
  readonly directory: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** What the node has, or how it is, has changed: the node's status, and those of these pods. */
  readonly onChange: (podUIDs: readonly string[]) => void
  readonly connect?: (socket: string) => DevicePlugin
}

/** Devices of the machine that device plugins tell of. Source: kubernetes/pkg/kubelet/cm/devicemanager. */
export interface DeviceManager {
  /** Takes in plugins that register themselves by sockets of their own. */
  readonly handler: PluginHandler
  /** What node statuses say of each resource; 0 of one whose plugin has long gone. */
  amounts(): Readonly<Record<string, { readonly capacity: number; readonly allocatable: number }>>
  isPluginResource(name: string): boolean
  wants(pod: Pod): boolean
  allocate(pod: Pod): Promise<void>
  additions(pod: Pod, container: AnyContainer): Promise<ContainerAdditions>
  statusOf(podUID: string, container: string): readonly ResourceStatus[]
  release(podUID: string): Promise<void>
  /** The pods that have devices. */
  podUIDs(): ReadonlySet<string>
  stop(): Promise<void>
}

interface PluginResource {
  readonly name: string
  /** Undefined until the plugin, of this kubelet's time, has told of its devices. */
  health: Map<string, boolean> | undefined
  choices: DevicePluginChoices
  plugin: DevicePlugin | undefined
  /** When the plugin was lost. */
  stoppedAtMs: number
}

const supportedVersion = 'v1beta1'
/** How long a plugin may be away before what it had is taken off the node. */
const stoppedGraceMs = 5 * 60_000
const noChoices: DevicePluginChoices = { preStartRequired: false, preferredAllocation: false }

export async function createDeviceManager(options: DeviceManagerOptions): Promise<DeviceManager> {
  const { directory, clock, log, onChange, connect = connectDevicePlugin } = options
  const file = join(directory, checkpointFile)
  const metrics = createDeviceMetrics(options.metrics, clock)
  const resources = new Map<string, PluginResource>()
  const removed = new Set<string>()
  /** By pod, container and resource. */
  const allocations = new Map<string, Allocation>()
  let last: Promise<unknown> = Promise.resolve()
  let stopped = false

  const before = await readCheckpoint(file).catch((error: unknown) => {
    log.error('reading the devices that pods were given failed', { file, error })
    return { allocations: [], resources: [] }
  })
  for (const allocation of before.allocations) allocations.set(keyOf(allocation), allocation)
  for (const name of before.resources) resources.set(name, lost(name))

  function lost(name: string): PluginResource {
    return { name, health: undefined, choices: noChoices, plugin: undefined, stoppedAtMs: clock.now() }
  }

  /** One after the other: what one takes the next must not be given. */
  function serialized<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work, work)
    last = result.catch(() => undefined)
    return result
  }

  const save = () =>
    writeCheckpoint(
      file,
      allocations.values(),
      Object.fromEntries(
        Array.from(resources.values(), ({ name, health }) => [name, healthyOf(health).toSorted()]),
      ),
    )

  function checkName(name: string): void {
    if (!isExtendedResourceName(name)) throw new Error(`the ResourceName "${name}" is invalid`)
  }

  function takeIn(name: string, socket: string, given?: DevicePluginChoices): void {
    metrics.registered(name)
    const resource = resources.get(name) ?? lost(name)
    resources.set(name, resource)
    removed.delete(name)
    const old = resource.plugin
    const plugin = connect(socket)
    resource.plugin = plugin
    old?.close()
    void follow(resource, plugin, given)
  }

  /** Keeps what is known of a plugin's devices until it is gone. */
  async function follow(
    resource: PluginResource,
    plugin: DevicePlugin,
    given: DevicePluginChoices | undefined,
  ): Promise<void> {
    const isCurrent = () => resource.plugin === plugin && !stopped
    try {
      resource.choices = given ?? (await plugin.options())
      for await (const devices of plugin.devices()) {
        if (!isCurrent()) return
        const isNew = resource.health === undefined
        resource.health = new Map(devices.map(({ ID: id, health }) => [id, health === 'Healthy']))
        if (isNew)
          log.info('device plugin tells of devices', { resource: resource.name, count: devices.length })
        tell(resource.name)
      }
    } catch (error) {
      if (isCurrent()) log.warn('a device plugin is lost', { resource: resource.name, error })
    }
    if (isCurrent()) leave(resource)
    plugin.close()
  }

  function leave(resource: PluginResource): void {
    resource.plugin = undefined
    resource.stoppedAtMs = clock.now()
    if (resource.health) resource.health = new Map(Array.from(resource.health.keys(), (id) => [id, false]))
    tell(resource.name)
  }

  function tell(name: string): void {
    const owners = [...allocations.values()].filter(({ resource }) => resource === name)
    onChange([...new Set(owners.map(({ podUID: uid }) => uid))])
    serialized(save).catch((error: unknown) =>
      log.error('keeping what devices there are failed', { file, error }),
    )
  }

  const server = await serveRegistration({
    directory,
    keep: checkpointFile,
    onRegister({ version, resourceName, endpoint, options: given }) {
      if (version !== supportedVersion) {
        throw new Error(
          `requested API version "${version}" is not supported by kubelet. Supported version is ["${supportedVersion}"]`,
        )
      }
      checkName(resourceName)
      takeIn(
        resourceName,
        join(directory, endpoint),
        given && {
          preStartRequired: given.preStartRequired,
          preferredAllocation: given.getPreferredAllocationAvailable,
        },
      )
    },
  })

  const isPluginResource = (name: string) =>
    resources.has(name) || [...allocations.values()].some(({ resource }) => resource === name)

  /** Amounts of plugins' resources that a container asks for. */
  const wishesOf = (container: AnyContainer) =>
    Object.entries(container.resources?.limits ?? {})
      .filter(([name]) => isPluginResource(name))
      .map(([name, amount]) => ({ name, amount: quantityValue(amount) }))

  const allocationsOf = (uid: string, container?: string) =>
    [...allocations.values()].filter(
      (one) => one.podUID === uid && (container === undefined || one.container === container),
    )

  async function allocatePod(pod: Pod): Promise<void> {
    const uid = podUID(pod)
    const kept = new Set(allocationsOf(uid).map(keyOf))
    const { initContainers = [], containers = [] } = pod.spec ?? {}
    const reusable = new Map<string, Set<string>>()
    try {
      for (const container of initContainers) {
        await allocateContainer(uid, container, reusable)
        for (const { resource, ids } of allocationsOf(uid, container.name)) {
          const set = reusable.get(resource) ?? new Set()
          reusable.set(resource, set)
          for (const id of ids) {
            if (isSidecar(container)) set.delete(id)
            else set.add(id)
          }
        }
      }
      for (const container of containers) {
        await allocateContainer(uid, container, reusable)
        for (const { resource, ids } of allocationsOf(uid, container.name)) {
          for (const id of ids) reusable.get(resource)?.delete(id)
        }
      }
    } catch (error) {
      for (const one of allocationsOf(uid)) if (!kept.has(keyOf(one))) allocations.delete(keyOf(one))
      throw error
    }
    if (allocationsOf(uid).length > kept.size) await save()
  }

  async function allocateContainer(
    uid: string,
    container: Container,
    reusable: ReadonlyMap<string, ReadonlySet<string>>,
  ): Promise<void> {
    for (const { name, amount } of wishesOf(container)) {
      const resource = resources.get(name)
      const others = [...allocations.values()].filter((one) => one.resource === name)
      const choice = chooseDevices(name, amount, {
        healthy: resource?.health && new Set(healthyOf(resource.health)),
        inUse: new Set(others.flatMap(({ ids }) => ids)),
        reusable: reusable.get(name) ?? new Set(),
        own: allocations.get(keyOf({ podUID: uid, container: container.name, resource: name }))?.ids ?? [],
      })
      if (choice.type === 'kept') continue
      const plugin = resource?.plugin
      if (!resource || !plugin) throw new Error(`unknown Device Plugin ${name}`)
      const { certain, candidates, wanting } = choice
      const preferred =
        wanting > 0 && resource.choices.preferredAllocation
          ? await plugin.preferred([...certain, ...candidates], certain, amount).catch((error: unknown) => {
              throw new Error(`device plugin GetPreferredAllocation rpc failed with err: ${wordsOf(error)}`)
            })
          : []
      const ids = settleChoice(choice, preferred)
      const response = await metrics.timed(name, () => plugin.allocate(ids))
      if (!response) throw new Error('no containers return in allocation response')
      const allocation = { podUID: uid, container: container.name, resource: name, ids, response }
      allocations.set(keyOf(allocation), allocation)
    }
  }

  return {
    handler: {
      async register(name, endpoint, versions) {
        if (!versions.includes(supportedVersion)) {
          throw new Error(
            `manager version, ${supportedVersion}, is not among plugin supported versions [${versions.join(' ')}]`,
          )
        }
        checkName(name)
        takeIn(name, endpoint)
      },
      async deregister(name) {
        const resource = resources.get(name)
        const plugin = resource?.plugin
        if (!resource || !plugin) return
        leave(resource)
        plugin.close()
      },
    },
    amounts() {
      for (const { name, plugin, stoppedAtMs } of resources.values()) {
        if (plugin || clock.now() - stoppedAtMs < stoppedGraceMs) continue
        resources.delete(name)
        removed.add(name)
      }
      const gone = Array.from(removed, (name) => [name, { capacity: 0, allocatable: 0 }] as const)
      const present = Array.from(resources.values(), ({ name, health }) => {
        const amounts = { capacity: health?.size ?? 0, allocatable: healthyOf(health).length }
        return [name, amounts] as const
      })
      return Object.fromEntries([...gone, ...present])
    },
    isPluginResource,
    wants(pod) {
      const { initContainers = [], containers = [] } = pod.spec ?? {}
      return [...initContainers, ...containers].some((container) => wishesOf(container).length > 0)
    },
    allocate: (pod) => serialized(() => allocatePod(pod)),
    async additions(pod, container) {
      const wishes = wishesOf(container)
      if (wishes.length === 0) return noAdditions
      const uid = podUID(pod)
      const own = () => allocationsOf(uid, container.name)
      if (own().length < wishes.filter(({ amount }) => amount > 0).length) {
        await serialized(() => allocatePod(pod))
      }
      for (const { resource: name, ids } of own()) {
        const resource = resources.get(name)
        if (!resource) throw new Error(`endpoint not found in cache for a registered resource: ${name}`)
        if (!resource.choices.preStartRequired) continue
        if (!resource.plugin) throw new Error(`endpoint ${name} has been stopped`)
        await resource.plugin.preStart(ids).catch((error: unknown) => {
          throw new Error(`device plugin PreStartContainer rpc failed with err: ${wordsOf(error)}`)
        })
      }
      return merged(own())
    },
    statusOf: (uid, container) =>
      allocationsOf(uid, container).map(({ resource: name, ids }) => ({
        name,
        resources: ids.map((resourceID) => {
          const isHealthy = resources.get(name)?.health?.get(resourceID)
          return {
            resourceID,
            health: isHealthy === undefined ? 'Unknown' : isHealthy ? 'Healthy' : 'Unhealthy',
          }
        }),
      })),
    release: (uid) =>
      serialized(async () => {
        const own = allocationsOf(uid)
        for (const one of own) allocations.delete(keyOf(one))
        if (own.length > 0) await save()
      }),
    podUIDs: () => new Set(Array.from(allocations.values(), (one) => one.podUID)),
    async stop() {
      stopped = true
      server.stop()
      for (const { plugin } of resources.values()) plugin?.close()
      await last
    },
  }
}

function keyOf({
  podUID: uid,
  container,
  resource,
}: Pick<Allocation, 'podUID' | 'container' | 'resource'>): string {
  return `${uid}/${container}/${resource}`
}

function healthyOf(health: ReadonlyMap<string, boolean> | undefined): string[] {
  return [...(health ?? [])].filter(([, isHealthy]) => isHealthy).map(([id]) => id)
}

/** What plugins answered together; of two that say one thing differently, the first counts. */
function merged(allocations: readonly Allocation[]): ContainerAdditions {
  const environment = new Map<string, string>()
  const annotations = new Map<string, string>()
  const mounts = new Map<string, ContainerAdditions['mounts'][number]>()
  const devices = new Map<string, ContainerAdditions['devices'][number]>()
  const cdiDevices = new Set<string>()
  const addTo = <T>(map: Map<string, T>, key: string, value: T) => {
    if (!map.has(key)) map.set(key, value)
  }
  for (const { response } of allocations) {
    for (const [name, value] of Object.entries(response.envs)) addTo(environment, name, value)
    for (const [name, value] of Object.entries(response.annotations)) addTo(annotations, name, value)
    for (const { containerPath, hostPath, permissions } of response.devices) {
      addTo(devices, containerPath, { containerPath, hostPath, permissions })
    }
    for (const { containerPath, hostPath, readOnly } of response.mounts) {
      addTo(mounts, containerPath, {
        containerPath,
        hostPath,
        readonly: readOnly,
        recursiveReadonly: false,
        selinuxRelabel: false,
        propagation: 'private',
      })
    }
    for (const { name } of response.cdiDevices) cdiDevices.add(name)
  }
  return {
    environment: Array.from(environment, ([name, value]) => ({ name, value })),
    annotations: Object.fromEntries(annotations),
    mounts: [...mounts.values()],
    devices: [...devices.values()],
    cdiDevices: [...cdiDevices],
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
