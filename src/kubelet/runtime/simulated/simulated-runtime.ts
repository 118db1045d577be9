import { sleep, type Clock } from '../../../machinery/clock.ts'
import { ByteQueue } from '../../../machinery/streaming/byte-queue.ts'
import { RuntimeError } from '../runtime-error.ts'
import type { ByteChannel, ContainerRuntime, Image } from '../runtime.ts'
import { eventsUntil } from './events-until.ts'
import { createPodAddresses } from './pod-addresses.ts'
import { parseScript } from './script.ts'
import { scriptSession } from './script-session.ts'
import { annotationFor, healthyAnnotation } from './simulated-annotations.ts'
import {
  matchesFilter,
  podUIDOf,
  summaryOf,
  type SimulatedContainer,
  type SimulatedSandbox,
} from './simulated-container.ts'
import { createProcesses, killedExitCode } from './simulated-process.ts'
import { createUsageMeter } from './simulated-usage.ts'

export interface SimulatedRuntimeOptions {
  readonly clock: Clock
  /** How long a sandbox takes to start. Default 0. */
  readonly sandboxDelayMs?: number
  /** How long a container takes to start. Default 0. */
  readonly startDelayMs?: number
  /** How long a process takes to end after its stop signal. Default 0. */
  readonly stopDelayMs?: number
  /** How long an image takes to pull. Default 0. */
  readonly pullDelayMs?: number
  /** Where pods' addresses come from until a pod CIDR is told. Default 10.88.0.0/16. */
  readonly podCIDR?: string
  /** Why an image cannot be pulled; undefined when it can. Default: all can. */
  readonly pullError?: (image: string) => string | undefined
  /** A pod's annotations of now, where they say what it uses. Default: those that it started with. */
  readonly annotationsOf?: (namespace: string, name: string) => Readonly<Record<string, string>> | undefined
}

const imageBytes = 1_000_000
/** A container runtime inside this process: pods start, run, log, end and take time as they are told. */
export function createSimulatedRuntime(options: SimulatedRuntimeOptions): ContainerRuntime {
  const { clock } = options
  const sandboxes = new Map<string, SimulatedSandbox>()
  const containers = new Map<string, SimulatedContainer>()
  const images = new Set<string>()
  const listeners = new Set<(podUID: string) => void>()
  const addresses = createPodAddresses(options.podCIDR ?? '10.88.0.0/16')
  let lastID = 0

  const newID = () => (++lastID).toString(16).padStart(12, '0').padEnd(64, '0')
  const delay = (milliseconds = 0) => (milliseconds > 0 ? sleep(clock, milliseconds) : Promise.resolve())
  const emit = (podUID: string) => {
    for (const listener of listeners) listener(podUID)
  }

  function sandbox(id: string): SimulatedSandbox {
    const found = sandboxes.get(id)
    if (!found) throw new RuntimeError('notFound', `an error occurred when try to find sandbox: not found`)
    return found
  }

  function container(id: string): SimulatedContainer {
    const found = containers.get(id)
    if (!found)
      throw new RuntimeError('notFound', `an error occurred when try to find container "${id}": not found`)
    return found
  }

  const annotationsAtStart = ({ sandboxID }: SimulatedContainer) =>
    sandboxes.get(sandboxID)?.config.annotations ?? {}
  const setting = (target: SimulatedContainer, name: string) =>
    annotationFor(target.config.name, annotationsAtStart(target), name)
  const usage = createUsageMeter({
    clock,
    annotationsOf(target) {
      const { 'io.kubernetes.pod.namespace': namespace = '', 'io.kubernetes.pod.name': name = '' } =
        target.config.labels
      return options.annotationsOf?.(namespace, name) ?? annotationsAtStart(target)
    },
  })
  const processes = createProcesses({
    clock,
    stopDelayMs: options.stopDelayMs ?? 0,
    setting,
    onEnding: (target) => void usage.of(target),
    onEnd: (target) => emit(podUIDOf(target)),
  })

  function forget(id: string, target: SimulatedContainer): void {
    containers.delete(id)
    usage.keep(target)
  }

  return {
    type: 'simulated',
    usesHost: false,
    version: async () => ({ runtimeName: 'simulated', runtimeVersion: '1.0.0' }),
    status: async () => ({
      conditions: ['RuntimeReady', 'NetworkReady'].map((type) => ({
        type,
        ready: true,
        reason: '',
        message: '',
      })),
    }),
    updatePodCIDR: async (podCIDR) => addresses.moveTo(podCIDR),

    async runSandbox(config) {
      const namesake = [...sandboxes.values()].find(
        ({ config: { uid, attempt } }) => uid === config.uid && attempt === config.attempt,
      )
      if (namesake) throw nameTaken('sandbox', config.name, namesake.status.id)
      await delay(options.sandboxDelayMs)
      const id = newID()
      const onHost = config.security.namespaces.network === 'node'
      const { name, namespace, uid, attempt, labels, annotations } = config
      sandboxes.set(id, {
        config,
        status: {
          id,
          name,
          namespace,
          uid,
          attempt,
          labels,
          annotations,
          state: 'ready',
          createdAtMs: clock.now(),
          ips: onHost ? [] : [addresses.next()],
          network: onHost ? 'node' : 'pod',
        },
      })
      emit(uid)
      return id
    },

    async stopSandbox(id) {
      const found = sandboxes.get(id)
      if (!found) return
      for (const target of containers.values()) {
        if (target.sandboxID === id) target.end?.(killedExitCode)
      }
      addresses.release(found.status.ips)
      found.status = { ...found.status, state: 'notReady', ips: [] }
      emit(found.status.uid)
    },

    async removeSandbox(id) {
      const found = sandboxes.get(id)
      if (!found) return
      for (const [containerID, target] of containers) {
        if (target.sandboxID !== id) continue
        target.end?.(killedExitCode)
        forget(containerID, target)
      }
      addresses.release(found.status.ips)
      sandboxes.delete(id)
      emit(found.status.uid)
    },

    async listSandboxes(filter) {
      return [...sandboxes.values()]
        .map(({ status }) => status)
        .filter(({ id, uid }) => matchesFilter(filter, id, uid))
    },

    sandboxStatus: async (id) => sandbox(id).status,

    async createContainer(sandboxID, config) {
      const parent = sandbox(sandboxID)
      if (parent.status.state !== 'ready') {
        throw new RuntimeError('unknown', `sandbox container "${sandboxID}" is not running`)
      }
      const namesake = [...containers.values()].find(
        ({ sandboxID: other, config: { name, attempt } }) =>
          sandboxes.get(other)?.config.uid === parent.config.uid &&
          name === config.name &&
          attempt === config.attempt,
      )
      if (namesake) throw nameTaken('container', config.name, namesake.status.id)
      const id = newID()
      const { name, attempt, labels, annotations, image, mounts } = config
      containers.set(id, {
        sandboxID,
        config,
        log: [],
        watchers: new Set(),
        cpu: { nanoseconds: 0, atMs: clock.now() },
        end: undefined,
        status: {
          id,
          name,
          attempt,
          labels,
          annotations,
          mounts,
          state: 'created',
          createdAtMs: clock.now(),
          reference: `simulated://${id}`,
          image: image.userSpecifiedImage ?? image.image,
          imageRef: image.image,
          startedAtMs: 0,
          finishedAtMs: 0,
          exitCode: 0,
          reason: '',
          message: '',
          logPath: `${parent.config.logDirectory}/${config.logPath}`,
        },
      })
      return id
    },

    async startContainer(id) {
      await delay(options.startDelayMs)
      const target = container(id)
      if (target.status.state !== 'created') {
        throw new RuntimeError('unknown', `container "${id}" is in ${target.status.state} state`)
      }
      target.status = { ...target.status, state: 'running', startedAtMs: clock.now() }
      processes.start(target)
      emit(podUIDOf(target))
    },

    async stopContainer(id, timeoutSeconds) {
      const target = containers.get(id)
      if (target) await processes.stop(target, timeoutSeconds)
    },

    async removeContainer(id) {
      const target = containers.get(id)
      if (!target) return
      target.end?.(killedExitCode)
      forget(id, target)
      emit(podUIDOf(target))
    },

    async listContainers(filter) {
      return [...containers.values()]
        .filter((target) => matchesFilter(filter, target.status.id, podUIDOf(target)))
        .map(summaryOf)
    },

    containerStatus: async (id) => container(id).status,
    async updateContainerResources(id) {
      container(id)
    },
    async reopenContainerLog(id) {
      container(id)
    },

    async containerStats(filter) {
      return [...containers.values()]
        .filter(({ status }) => status.state === 'running')
        .filter((target) => matchesFilter(filter, target.status.id, podUIDOf(target)))
        .map(usage.of)
    },

    nodeUsage: async () => usage.ofNode([...containers.values()]),

    async execSync(id, command) {
      const target = container(id)
      if (target.status.state !== 'running') {
        throw new RuntimeError('unknown', `container is in ${target.status.state} state`)
      }
      const steps = parseScript(command)
      const printed = steps.map((step) => (step.type === 'print' ? step.text : ''))
      const exit = steps.find((step) => step.type === 'exit')
      for (const step of steps) if (step.type === 'sleep') await delay(step.milliseconds)
      return {
        stdout: Buffer.from(printed.join('')),
        stderr: new Uint8Array(),
        exitCode: exit?.exitCode ?? 0,
      }
    },

    async exec(id, { command, stdin }) {
      const target = container(id)
      if (target.status.state !== 'running') {
        throw new RuntimeError('unknown', `container is in ${target.status.state} state`)
      }
      return scriptSession(parseScript(command), stdin)
    },

    async attach(id) {
      const target = container(id)
      const stdout = new ByteQueue()
      target.watchers.add(stdout)
      const { promise, resolve } = Promise.withResolvers<{ exitCode: number }>()
      const close = () => {
        target.watchers.delete(stdout)
        stdout.close()
        resolve({ exitCode: 0 })
      }
      return { stdout, resize() {}, exit: promise, close }
    },

    /** What is sent comes back. */
    async portForward(id): Promise<ByteChannel> {
      sandbox(id)
      const echo = new ByteQueue()
      return {
        write: async (data) => echo.push(Uint8Array.from(data)),
        end: async () => echo.close(),
        close: () => echo.close(),
        [Symbol.asyncIterator]: () => echo[Symbol.asyncIterator](),
      }
    },

    listImages: async () => Array.from(images, imageOf),
    imageStatus: async ({ image }) => (images.has(image) ? imageOf(image) : undefined),
    async pullImage({ image }) {
      await delay(options.pullDelayMs)
      const problem = options.pullError?.(image)
      if (problem !== undefined) throw new RuntimeError('notFound', problem)
      images.add(image)
      return image
    },
    async removeImage({ image }) {
      images.delete(image)
    },
    imageFilesystem: async () => [],

    events: (signal) => eventsUntil(signal, listeners),

    async probeNetwork(_sandboxID, containerID) {
      const target = container(containerID)
      const success = target.status.state === 'running' && setting(target, healthyAnnotation) !== 'false'
      return { success, message: success ? '' : 'the simulated container is not healthy' }
    },

    async containerLog(id) {
      return Buffer.concat(container(id).log)
    },

    async close() {},
  }
}

/** As containerd: of one pod, no two sandboxes of one attempt, and no two containers of one name and attempt. */
function nameTaken(what: 'sandbox' | 'container', name: string, id: string): RuntimeError {
  return new RuntimeError('unknown', `failed to reserve ${what} name "${name}": name is reserved for "${id}"`)
}

function imageOf(image: string): Image {
  return {
    id: image,
    repoTags: [image],
    repoDigests: [],
    sizeBytes: imageBytes,
    username: '',
    pinned: false,
  }
}
