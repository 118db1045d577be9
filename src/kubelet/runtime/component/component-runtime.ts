import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../../machinery/clock.ts'
import { RuntimeError } from '../runtime-error.ts'
import type {
  ContainerConfig,
  ContainerRuntime,
  ContainerStatus,
  ContainerSummary,
  Image,
  RuntimeFilter,
  SandboxConfig,
  SandboxStatus,
} from '../runtime.ts'
import { isAlive, processOf, startTimeMs, usageOf, type ProcessIdentity } from './process.ts'
import { addressAnnotation, logAnnotation, processAnnotation } from './process-pod.ts'

export interface ComponentRuntimeOptions {
  readonly clock: Clock
  /** Where it remembers which process it has seen, so that a restarted kubelet goes on counting. Default nowhere. */
  readonly stateDirectory?: string
  /** The address of pods that name none. */
  readonly nodeAddress: () => string
}

/** One pod: its sandbox, and the process each container stands for, newest first. */
interface Component {
  readonly config: SandboxConfig
  readonly sandboxID: string
  readonly createdAtMs: number
  isStopped: boolean
  instances: Instance[]
}

interface Instance {
  readonly config: ContainerConfig
  readonly attempt: number
  readonly createdAtMs: number
  /** Absent while it has been created but not been started. */
  readonly process?: ProcessIdentity
  readonly startedAtMs: number
  /** 0 while it runs. */
  readonly finishedAtMs: number
}

/** Nobody but its parent learns how a process ended. */
const unknownExitCode = 255
const keptInstances = 2

/**
 * The runtime of pods that stand for processes of this machine: somebody else starts and stops them, it tells the truth
 * about them. A container runs while the process does that its pod's pid file names; a new process is a restart.
 */
export async function openComponentRuntime(options: ComponentRuntimeOptions): Promise<ContainerRuntime> {
  const { clock, stateDirectory } = options
  const components = new Map<string, Component>()
  /** What looks and writes comes one after the other. */
  let last: Promise<unknown> = Promise.resolve()
  for (const component of await readState(stateDirectory)) components.set(component.sandboxID, component)

  function serially<T>(run: () => Promise<T>): Promise<T> {
    const next = last.then(run, run)
    last = next.catch(() => undefined)
    return next
  }

  async function save(component: Component): Promise<void> {
    if (stateDirectory === undefined) return
    const path = join(stateDirectory, `${component.config.uid}.json`)
    await writeFile(`${path}.tmp`, JSON.stringify(component))
    await rename(`${path}.tmp`, path)
  }

  function component(sandboxID: string): Component {
    const found = components.get(sandboxID)
    if (!found) throw new RuntimeError('notFound', `sandbox "${sandboxID}" not found`)
    return found
  }

  /** Sees which processes have ended and which have come. */
  async function look(target: Component): Promise<void> {
    if (target.isStopped) return
    const pidFile = target.config.annotations[processAnnotation] ?? ''
    for (const name of new Set(target.instances.map(({ config }) => config.name))) {
      const newest = target.instances.find(({ config }) => config.name === name)!
      if (newest.process === undefined) continue
      if (newest.finishedAtMs === 0) {
        if (isAlive(newest.process)) continue
        replace(target, newest, { ...newest, finishedAtMs: clock.now() })
        await save(target)
      }
      const process = await processOf(pidFile)
      if (process) await begin(target, newest, process, newest.attempt + 1)
    }
  }

  async function begin(
    target: Component,
    from: Instance,
    process: ProcessIdentity,
    attempt: number,
  ): Promise<void> {
    const instance: Instance = {
      config: from.config,
      attempt,
      process,
      createdAtMs: clock.now(),
      startedAtMs: await startTimeMs(process),
      finishedAtMs: 0,
    }
    const others = target.instances.filter(({ config }) => config.name !== from.config.name)
    const own = target.instances.filter((other) => other.config.name === from.config.name && other.process)
    target.instances = [instance, ...own].slice(0, keptInstances).concat(others)
    await save(target)
  }

  function replace(target: Component, before: Instance, after: Instance): void {
    target.instances = target.instances.map((instance) => (instance === before ? after : instance))
  }

  function find(containerID: string): { target: Component; instance: Instance } {
    for (const target of components.values()) {
      const instance = target.instances.find((instance) => idOf(target, instance) === containerID)
      if (instance) return { target, instance }
    }
    throw new RuntimeError('notFound', `container "${containerID}" not found`)
  }

  const refused =
    (what: string) =>
    async (id: string): Promise<never> => {
      const name = [...components.values()].find(({ sandboxID }) => id.startsWith(sandboxID))?.config.name
      throw new RuntimeError(
        'unimplemented',
        `${what} is not possible: ${name ?? id} is a process of the node, not a container`,
      )
    }

  async function lookAtAll(filter: RuntimeFilter | undefined): Promise<readonly Component[]> {
    const wanted = [...components.values()].filter(
      ({ config }) => filter?.podUID === undefined || filter.podUID === config.uid,
    )
    await serially(async () => {
      for (const target of wanted) await look(target)
    })
    return wanted
  }

  return {
    type: 'component',
    usesHost: false,
    version: async () => ({ runtimeName: 'process', runtimeVersion: '1.0.0' }),
    status: async () => ({
      conditions: ['RuntimeReady', 'NetworkReady'].map((type) => ({
        type,
        ready: true,
        reason: '',
        message: '',
      })),
    }),
    async updatePodCIDR() {},

    async runSandbox(config) {
      const sandboxID = `${config.uid}-${config.attempt}`
      const created = { config, sandboxID, createdAtMs: clock.now(), isStopped: false, instances: [] }
      components.set(sandboxID, created)
      await serially(() => save(created))
      return sandboxID
    },
    async stopSandbox(sandboxID) {
      const found = components.get(sandboxID)
      if (!found) return
      found.isStopped = true
      found.instances = found.instances.map((instance) =>
        instance.finishedAtMs === 0 ? { ...instance, finishedAtMs: clock.now() } : instance,
      )
      await serially(() => save(found))
    },
    async removeSandbox(sandboxID) {
      const found = components.get(sandboxID)
      if (!found) return
      components.delete(sandboxID)
      if (stateDirectory === undefined) return
      const path = join(stateDirectory, `${found.config.uid}.json`)
      await serially(() => rm(path, { force: true }))
    },
    async listSandboxes(filter) {
      const wanted = await lookAtAll(filter)
      return wanted.map((target) => sandboxStatusOf(target, options.nodeAddress()))
    },
    sandboxStatus: async (sandboxID) => sandboxStatusOf(component(sandboxID), options.nodeAddress()),

    async createContainer(sandboxID, config) {
      const target = component(sandboxID)
      const last = target.instances.find((instance) => instance.config.name === config.name)
      const attempt = last?.process ? last.attempt + 1 : (last?.attempt ?? 0)
      const instance: Instance = {
        config,
        attempt,
        createdAtMs: clock.now(),
        startedAtMs: 0,
        finishedAtMs: 0,
      }
      target.instances = [instance, ...target.instances.filter((other) => other.process)]
      return idOf(target, instance)
    },
    async startContainer(containerID) {
      const { target, instance } = find(containerID)
      const pidFile = target.config.annotations[processAnnotation] ?? ''
      const process = await processOf(pidFile)
      if (process === undefined) {
        target.instances = target.instances.filter((other) => other !== instance)
        throw new RuntimeError('unavailable', `no process runs as pid file ${pidFile} says`)
      }
      await serially(() => begin(target, instance, process, instance.attempt))
    },
    /** The process is not the kubelet's to end: it only stops counting as this container. */
    async stopContainer(containerID) {
      const { target, instance } = find(containerID)
      replace(target, instance, { ...instance, finishedAtMs: clock.now() })
      target.isStopped = true
      await serially(() => save(target))
    },
    async removeContainer(containerID) {
      for (const target of components.values()) {
        target.instances = target.instances.filter((instance) => idOf(target, instance) !== containerID)
      }
    },
    async listContainers(filter) {
      const wanted = await lookAtAll(filter)
      return wanted.flatMap((target) =>
        target.instances.map((instance): ContainerSummary => {
          const { id, name, attempt, state, createdAtMs, labels, annotations } = statusOf(target, instance)
          return { id, name, attempt, state, createdAtMs, labels, annotations, sandboxID: target.sandboxID }
        }),
      )
    },
    async containerStatus(containerID) {
      const { target, instance } = find(containerID)
      return statusOf(target, instance)
    },
    async updateContainerResources() {},
    async reopenContainerLog() {},
    async containerStats(filter) {
      const stats = (await lookAtAll(filter)).flatMap((target) =>
        target.instances.map(async (instance) => {
          if (instance.process === undefined || instance.finishedAtMs !== 0) return undefined
          const usage = await usageOf(instance.process.pid)
          return (
            usage && {
              containerID: idOf(target, instance),
              name: instance.config.name,
              podUID: target.config.uid,
              podName: target.config.name,
              podNamespace: target.config.namespace,
              timestampMs: clock.now(),
              cpuUsageNanoseconds: usage.cpuNanoseconds,
              memoryWorkingSetBytes: usage.memoryBytes,
              memoryRSSBytes: usage.memoryBytes,
              memoryUsageBytes: usage.memoryBytes,
            }
          )
        }),
      )
      return (await Promise.all(stats)).filter((entry) => entry !== undefined)
    },

    execSync: refused('exec'),
    exec: refused('exec'),
    attach: refused('attach'),
    portForward: refused('port-forward'),

    listImages: async () => [],
    imageStatus: async ({ image }) => imageOf(image),
    pullImage: async ({ image }) => image,
    async removeImage() {},
    imageFilesystem: async () => [],
    async close() {},
  }
}

async function readState(directory: string | undefined): Promise<readonly Component[]> {
  if (directory === undefined) return []
  await mkdir(directory, { recursive: true })
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json'))
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))
  return texts.map((text) => JSON.parse(text) as Component)
}

function idOf(target: Component, { config, attempt }: Instance): string {
  return `${target.sandboxID}/${config.name}/${attempt}`
}

function sandboxStatusOf(
  { config, sandboxID, createdAtMs, isStopped }: Component,
  nodeAddress: string,
): SandboxStatus {
  const { name, namespace, uid, attempt, labels, annotations } = config
  return {
    id: sandboxID,
    name,
    namespace,
    uid,
    attempt,
    labels,
    annotations,
    createdAtMs,
    state: isStopped ? 'notReady' : 'ready',
    ips: isStopped ? [] : [annotations[addressAnnotation] ?? nodeAddress],
    network: undefined,
  }
}

function statusOf(target: Component, instance: Instance): ContainerStatus {
  const { config, attempt, process, createdAtMs, startedAtMs, finishedAtMs } = instance
  const state = process === undefined ? 'created' : finishedAtMs === 0 ? 'running' : 'exited'
  return {
    id: idOf(target, instance),
    name: config.name,
    attempt,
    state,
    createdAtMs,
    labels: config.labels,
    annotations: config.annotations,
    reference: `process://${process?.pid ?? 0}`,
    image: config.image.userSpecifiedImage ?? config.image.image,
    imageRef: config.image.image,
    startedAtMs,
    finishedAtMs,
    exitCode: state === 'exited' ? unknownExitCode : 0,
    reason: state === 'exited' ? 'Error' : '',
    message: state === 'exited' ? 'the process has ended' : '',
    logPath: target.config.annotations[logAnnotation] ?? '',
    isPlainLog: true,
    mounts: [],
  }
}

function imageOf(image: string): Image {
  return { id: image, repoTags: [image], repoDigests: [], sizeBytes: 0, username: '', pinned: true }
}
