import { systemClock, type Clock } from '../../../machinery/clock.ts'
import { containerdEvents } from '../containerd/containerd-events.ts'
import { isNotFound, isRuntimeError, RuntimeError } from '../runtime-error.ts'
import type { ContainerRuntime, RuntimeFilter } from '../runtime.ts'
import { connectCri } from './cri-connection.ts'
import { criEvents } from './cri-events.ts'
import {
  containerFromCri,
  containerStatusFromCri,
  imageFromCri,
  sandboxFromCri,
  sandboxStatusFromCri,
  statsFromCri,
  statusFromCri,
} from './from-cri.ts'
import { ImageService, RuntimeService } from './generated/api_pb.ts'
import { criStreaming } from './streaming.ts'
import { authToCri, containerConfigToCri, imageToCri, resourcesToCri, sandboxConfigToCri } from './to-cri.ts'

export interface CriRuntimeOptions {
  /** Path or `unix://` address of the runtime's CRI socket. */
  readonly socket: string
  /** Of the image service, when it is another one. */
  readonly imageSocket?: string
  /** Default: the machine's. */
  readonly clock?: Clock
}

/** How long a sandbox may take to start: its image may have to be pulled first. */
const sandboxTimeoutMs = 4 * 60_000

/** containerd, CRI-O or any other runtime behind CRI v1. Resolves when the runtime has answered once. */
export async function openCriRuntime(options: CriRuntimeOptions): Promise<ContainerRuntime> {
  const connection = connectCri(options.socket)
  const images = options.imageSocket === undefined ? connection : connectCri(options.imageSocket)
  const rpc = RuntimeService.method
  const imageRpc = ImageService.method
  const { runtimeName, runtimeVersion } = await connection
    .call(rpc.version, { version: 'v1' }, { timeoutMs: 10_000 })
    .catch((error: unknown) => {
      connection.close()
      throw error
    })
  const streaming = criStreaming(connection)
  const { clock = systemClock } = options

  return {
    type: 'cri',
    usesHost: true,
    version: async () => ({ runtimeName, runtimeVersion }),
    status: async () => statusFromCri(await connection.call(rpc.status, {})),

    async updatePodCIDR(podCIDR) {
      await connection.call(rpc.updateRuntimeConfig, {
        runtimeConfig: { networkConfig: { podCidr: podCIDR } },
      })
    },

    async runSandbox(config) {
      const { podSandboxId } = await connection.call(
        rpc.runPodSandbox,
        { config: sandboxConfigToCri(config), runtimeHandler: config.runtimeHandler },
        { timeoutMs: sandboxTimeoutMs },
      )
      if (podSandboxId === '') throw new RuntimeError('unknown', 'PodSandboxId is not set for sandbox')
      return podSandboxId
    },

    stopSandbox: (podSandboxId) => gone(connection.call(rpc.stopPodSandbox, { podSandboxId })),
    removeSandbox: (podSandboxId) => gone(connection.call(rpc.removePodSandbox, { podSandboxId })),

    async listSandboxes(filter) {
      const { items } = await connection.call(rpc.listPodSandbox, { filter: filterToCri(filter) })
      return items.map(sandboxFromCri)
    },

    async sandboxStatus(podSandboxId) {
      const { status } = await connection.call(rpc.podSandboxStatus, { podSandboxId })
      if (!status) throw new RuntimeError('notFound', `sandbox ${podSandboxId} has no status`)
      return sandboxStatusFromCri(status)
    },

    async createContainer(podSandboxId, config, sandbox) {
      const { containerId } = await connection.call(rpc.createContainer, {
        podSandboxId,
        config: containerConfigToCri(config),
        sandboxConfig: sandboxConfigToCri(sandbox),
      })
      if (containerId === '') throw new RuntimeError('unknown', 'ContainerId is not set for container')
      return containerId
    },

    async startContainer(containerId) {
      await connection.call(rpc.startContainer, { containerId })
    },

    stopContainer: (containerId, timeoutSeconds) =>
      gone(
        connection.call(
          rpc.stopContainer,
          { containerId, timeout: BigInt(Math.ceil(timeoutSeconds)) },
          { timeoutMs: timeoutSeconds * 1000 + 120_000 },
        ),
      ),

    removeContainer: (containerId) => gone(connection.call(rpc.removeContainer, { containerId })),

    async listContainers(filter) {
      const { containers } = await connection.call(rpc.listContainers, { filter: filterToCri(filter) })
      return containers.map(containerFromCri)
    },

    async containerStatus(containerId) {
      const { status } = await connection.call(rpc.containerStatus, { containerId })
      if (!status) throw new RuntimeError('notFound', `container ${containerId} has no status`)
      return containerStatusFromCri(status, runtimeName)
    },

    async updateContainerResources(containerId, resources) {
      await connection.call(rpc.updateContainerResources, { containerId, linux: resourcesToCri(resources) })
    },

    async reopenContainerLog(containerId) {
      await connection.call(rpc.reopenContainerLog, { containerId })
    },

    async containerStats(filter) {
      const { stats } = await connection.call(rpc.listContainerStats, { filter: filterToCri(filter) })
      return stats.flatMap((one) => statsFromCri(one) ?? [])
    },

    async execSync(containerId, command, timeoutSeconds) {
      const { stdout, stderr, exitCode } = await connection.call(
        rpc.execSync,
        { containerId, cmd: [...command], timeout: BigInt(Math.ceil(timeoutSeconds)) },
        { timeoutMs: timeoutSeconds > 0 ? timeoutSeconds * 1000 + 120_000 : 0 },
      )
      return { stdout, stderr, exitCode }
    },

    ...streaming,

    async listImages() {
      const answer = await images.call(imageRpc.listImages, {})
      return answer.images.map(imageFromCri)
    },

    async imageStatus(image) {
      const answer = await images.call(imageRpc.imageStatus, { image: imageToCri(image) })
      return answer.image && imageFromCri(answer.image)
    },

    async pullImage(image, auth, sandbox) {
      const { imageRef } = await images.call(
        imageRpc.pullImage,
        {
          image: imageToCri(image),
          ...(auth && { auth: authToCri(auth) }),
          sandboxConfig: sandboxConfigToCri(sandbox),
        },
        { timeoutMs: 0 },
      )
      return imageRef
    },

    removeImage: (image) => gone(images.call(imageRpc.removeImage, { image: imageToCri(image) })),

    async imageFilesystem() {
      const { imageFilesystems } = await images.call(imageRpc.imageFsInfo, {})
      return imageFilesystems.map((usage) => ({
        mountpoint: usage.fsId?.mountpoint ?? '',
        usedBytes: Number(usage.usedBytes?.value ?? 0n),
        inodesUsed: Number(usage.inodesUsed?.value ?? 0n),
      }))
    },

    events: (signal) =>
      runtimeName === 'containerd'
        ? containerdEvents(connection, clock, signal)
        : criEvents(connection, clock, signal),

    async close() {
      connection.close()
      if (images !== connection) images.close()
    },
  }
}

function filterToCri(filter: RuntimeFilter | undefined) {
  return {
    ...(filter?.id !== undefined && { id: filter.id }),
    ...(filter?.podUID !== undefined && { labelSelector: { 'io.kubernetes.pod.uid': filter.podUID } }),
  }
}

/** Stopping and removing what is not there has been done. */
async function gone(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (!isNotFound(error) && !isMissing(error)) throw error
  }
}

/** containerd 1.6 answers some calls about what it no longer has with code Unknown. */
function isMissing(error: unknown): boolean {
  return isRuntimeError(error, 'unknown') && error.description.endsWith(' not found')
}
