import { sleep, type Cancel, type Clock } from '../../../machinery/clock.ts'
import { addressAt, formatIp, parseCidr } from '../../../machinery/ip.ts'
import { isQuantity, quantityToFloat } from '../../../machinery/quantity.ts'
import { ByteQueue } from '../../../machinery/streaming/byte-queue.ts'
import { RuntimeError } from '../runtime-error.ts'
import type { ByteChannel, ContainerRuntime, ContainerStats, Image, RuntimeEvent } from '../runtime.ts'
import { eventsUntil } from './events-until.ts'
import { parseScript, type Step } from './script.ts'
import { scriptSession } from './script-session.ts'
import {
  matchesFilter,
  podUIDOf,
  summaryOf,
  type SimulatedContainer,
  type SimulatedSandbox,
} from './simulated-container.ts'

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

/**
 * Annotations of a pod that say how its containers behave; with `.<container>` behind, of one container. What they do
 * not say their commands do (script.ts).
 */
export const exitAfterAnnotation = 'simulated.k8ts.io/exit-after-seconds'
export const exitCodeAnnotation = 'simulated.k8ts.io/exit-code'
/** `false`: network probes of the container fail. */
export const healthyAnnotation = 'simulated.k8ts.io/healthy'
/** `true`: it only ends when it is killed. */
export const ignoreStopAnnotation = 'simulated.k8ts.io/ignore-stop-signal'
/** What the container uses, as quantities: `250m`, `64Mi`. May change while it runs. */
export const cpuUsageAnnotation = 'simulated.k8ts.io/cpu-usage'
export const memoryUsageAnnotation = 'simulated.k8ts.io/memory-usage'

const killedExitCode = 137
const stoppedExitCode = 143
const imageBytes = 1_000_000
/** What a container uses that is not told to use anything. */
const idleCores = 0.001
const idleBytes = 1024 * 1024
/** What a node uses beside its containers. */
const idleNodeCores = 0.02
const idleNodeBytes = 256 * 1024 * 1024

/** A container runtime inside this process: pods start, run, log, end and take time as they are told. */
export function createSimulatedRuntime(options: SimulatedRuntimeOptions): ContainerRuntime {
  const { clock } = options
  const sandboxes = new Map<string, SimulatedSandbox>()
  const containers = new Map<string, SimulatedContainer>()
  const images = new Set<string>()
  const listeners = new Set<(event: RuntimeEvent) => void>()
  const takenAddresses = new Set<string>()
  let range = parseCidr(options.podCIDR ?? '10.88.0.0/16')!
  let lastAddress = 1
  let lastID = 0
  const startedMs = clock.now()
  /** CPU time of containers that are no more. */
  let removedNanoseconds = 0n

  const newID = () => (++lastID).toString(16).padStart(12, '0').padEnd(64, '0')
  const delay = (milliseconds = 0) => (milliseconds > 0 ? sleep(clock, milliseconds) : Promise.resolve())
  const emit = (podUID: string) => {
    for (const listener of listeners) listener({ podUID })
  }

  function nextAddress(): string {
    for (;;) {
      const ip = formatIp(addressAt(range, ++lastAddress))
      if (!takenAddresses.has(ip)) {
        takenAddresses.add(ip)
        return ip
      }
    }
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

  function setting(target: SimulatedContainer, name: string): string | undefined {
    const annotations = sandboxes.get(target.sandboxID)?.config.annotations ?? {}
    return annotations[`${name}.${target.config.name}`] ?? annotations[name]
  }

  function usageOf(target: SimulatedContainer): ContainerStats {
    const podName = target.config.labels['io.kubernetes.pod.name'] ?? ''
    const podNamespace = target.config.labels['io.kubernetes.pod.namespace'] ?? ''
    const annotations =
      options.annotationsOf?.(podNamespace, podName) ??
      sandboxes.get(target.sandboxID)?.config.annotations ??
      {}
    const amount = (annotation: string, unset: number) => {
      const text = annotations[`${annotation}.${target.config.name}`] ?? annotations[annotation]
      return text !== undefined && isQuantity(text) ? quantityToFloat(text) : unset
    }
    const now = clock.now()
    const sinceMs = Math.max(target.cpu.atMs, target.status.startedAtMs)
    const isRunning = target.status.state === 'running'
    const usedNanoseconds = !isRunning
      ? 0
      : Math.max(0, now - sinceMs) * amount(cpuUsageAnnotation, idleCores) * 1e6
    target.cpu = { nanoseconds: target.cpu.nanoseconds + usedNanoseconds, atMs: now }
    const memoryBytes = Math.round(amount(memoryUsageAnnotation, idleBytes))
    return {
      containerID: target.status.id,
      name: target.config.name,
      podUID: podUIDOf(target),
      podName,
      podNamespace,
      timestampMs: now,
      cpuUsageNanoseconds: BigInt(Math.round(target.cpu.nanoseconds)),
      memoryWorkingSetBytes: memoryBytes,
      memoryUsageBytes: memoryBytes,
      memoryRSSBytes: memoryBytes,
    }
  }

  /** A container goes; what it used stays used. */
  function forget(id: string, target: SimulatedContainer): void {
    containers.delete(id)
    removedNanoseconds += BigInt(Math.round(target.cpu.nanoseconds))
  }

  function print(target: SimulatedContainer, text: string): void {
    const time = new Date(clock.now()).toISOString().replace('Z', '000000Z')
    for (const line of text.split('\n')) {
      if (line !== '') target.log.push(Buffer.from(`${time} stdout F ${line}\n`))
    }
    for (const watcher of target.watchers) watcher.push(Buffer.from(text))
  }

  function run(target: SimulatedContainer): void {
    const steps = stepsOf(target)
    let cancel: Cancel = () => {}
    let index = 0
    target.end = (exitCode) => {
      cancel()
      usageOf(target)
      target.end = undefined
      target.status = {
        ...target.status,
        state: 'exited',
        exitCode,
        finishedAtMs: clock.now(),
        reason: exitCode === 0 ? 'Completed' : 'Error',
      }
      for (const watcher of target.watchers) watcher.close()
      emit(podUIDOf(target))
    }
    const next = (): void => {
      const step = steps[index++]
      switch (step?.type) {
        case 'print':
          print(target, step.text)
          return next()
        case 'sleep':
          cancel = clock.after(step.milliseconds, next)
          return
        case 'exit':
          cancel = clock.after(0, () => target.end?.(step.exitCode))
          return
        case 'copyInput':
        case 'forever':
        case undefined:
          return
      }
    }
    next()
  }

  function stepsOf(target: SimulatedContainer): readonly Step[] {
    const exitAfter = setting(target, exitAfterAnnotation)
    const exitCode = setting(target, exitCodeAnnotation)
    if (exitAfter !== undefined || exitCode !== undefined) {
      return [
        { type: 'sleep', milliseconds: Number(exitAfter ?? 0) * 1000 },
        { type: 'exit', exitCode: Number(exitCode ?? 0) },
      ]
    }
    const { command, args } = target.config
    return parseScript([...command, ...args])
  }

  async function stop(target: SimulatedContainer, timeoutSeconds: number): Promise<void> {
    if (target.status.state !== 'running') return
    if (setting(target, ignoreStopAnnotation) === 'true') {
      await delay(timeoutSeconds * 1000)
      target.end?.(killedExitCode)
      return
    }
    const stopMs = options.stopDelayMs ?? 0
    await delay(Math.min(stopMs, timeoutSeconds * 1000))
    target.end?.(stopMs > timeoutSeconds * 1000 ? killedExitCode : stoppedExitCode)
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
    async updatePodCIDR(podCIDR) {
      const parsed = parseCidr(podCIDR)
      if (!parsed) throw new RuntimeError('invalidArgument', `invalid CIDR address: ${podCIDR}`)
      range = parsed
      lastAddress = 1
    },

    async runSandbox(config) {
      const namesake = [...sandboxes].find(
        ([
          ,
          {
            config: { uid, attempt },
          },
        ]) => uid === config.uid && attempt === config.attempt,
      )
      if (namesake) throw nameTaken('sandbox', config.name, namesake[0])
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
          ips: onHost ? [] : [nextAddress()],
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
      for (const ip of found.status.ips) takenAddresses.delete(ip)
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
      for (const ip of found.status.ips) takenAddresses.delete(ip)
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
      run(target)
      emit(podUIDOf(target))
    },

    async stopContainer(id, timeoutSeconds) {
      const target = containers.get(id)
      if (target) await stop(target, timeoutSeconds)
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
        .map(usageOf)
    },

    async nodeUsage() {
      const usages = [...containers.values()].map(usageOf)
      const running = [...containers.values()].filter(({ status }) => status.state === 'running')
      const ownNanoseconds = (clock.now() - startedMs) * idleNodeCores * 1e6
      const cpuNanoseconds = usages.reduce(
        (sum, usage) => sum + usage.cpuUsageNanoseconds,
        removedNanoseconds,
      )
      return {
        cpuUsageNanoseconds: cpuNanoseconds + BigInt(Math.round(ownNanoseconds)),
        memoryWorkingSetBytes: running
          .map(usageOf)
          .reduce((sum, usage) => sum + usage.memoryWorkingSetBytes, idleNodeBytes),
      }
    },

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
