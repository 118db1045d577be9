import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Pod, Secret } from '../../api/generated/core.v1.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { ConfigError } from '../containers/config-error.ts'
import { containerConfig, containerLogPath } from '../containers/container-config.ts'
import { containerEnvironment } from '../containers/environment.ts'
import { containerDevices } from '../containers/devices.ts'
import { containerMounts } from '../containers/mounts.ts'
import { containerResources } from '../containers/resources.ts'
import { podLogDirectory } from '../containers/sandbox-config.ts'
import { containerSecurity } from '../containers/security.ts'
import { readFileKey } from '../containers/file-key.ts'
import { hostsFile } from '../network/hosts-file.ts'
import { isThere } from '../if-there.ts'
import { ImageError, type ImageRequest } from '../images/image-puller.ts'
import { isRuntimeError } from '../runtime/runtime-error.ts'
import type { ContainerConfig, IDMapping, Image, SandboxConfig, SandboxStatus } from '../runtime/runtime.ts'
import { podDirectory } from '../volumes/pod-directory.ts'
import { mountSubPath } from '../volumes/sub-path.ts'
import type { PreparedVolumes } from '../volumes/volume-manager.ts'
import { makeSandboxConfig } from './create-sandbox.ts'
import type { NamedContainer, PodEvents } from './events.ts'
import { HookError, runHook } from './lifecycle-hook.ts'
import { newestInstance } from './observation.ts'
import type { StartContainer } from './plan/action.ts'
import { findContainer } from './pod.ts'
import type { PodServices } from './services.ts'

/** A container could not be started. `reason` is the waiting reason of its status. */
export class StartError extends Error {
  readonly reason: string
  readonly retryAtMs: number | undefined
  readonly backoff: { readonly reason: string; readonly message: string } | undefined

  constructor(reason: string, message: string, from?: ImageError) {
    super(message)
    this.name = 'StartError'
    this.reason = reason
    this.retryAtMs = from?.retryAtMs
    this.backoff = from?.backoff
  }
}

export interface StartInput {
  readonly services: PodServices
  readonly pod: Pod
  readonly action: StartContainer
  readonly sandbox: SandboxStatus
  readonly events: PodEvents
  /** Resolves when the pod's volumes are there. */
  readonly volumes: Promise<PreparedVolumes>
  readonly signal: AbortSignal
}

/**
 * Starts a container: image, configuration, create, start, postStart hook. Resolves with its id. Rejects with StartError, or with the signal's
 * reason when the pod ends meanwhile.
 */
export async function startContainer(input: StartInput): Promise<string> {
  const { services, pod, action, events, signal } = input
  const { runtime, observer } = services
  const found = findContainer(pod, action.name)
  if (found === undefined) throw new StartError('CreateContainerConfigError', 'the pod has no such container')
  const containerID = action.createdID ?? (await createContainer(input, found))
  if (signal.aborted) {
    await runtime.removeContainer(containerID)
    signal.throwIfAborted()
  }
  await runtime.startContainer(containerID).catch((error: unknown) => {
    const words = ownWordsOf(error)
    events.warning('Failed', `Error: ${words}`, found)
    throw new StartError('RunContainerError', words)
  })
  events.normal('Started', 'Container started', found)
  await linkLog(services, pod, action, containerID)
  await postStart(input, found, containerID, () => observer.refresh(pod.metadata?.uid ?? ''))
  return containerID
}

async function createContainer(input: StartInput, found: NamedContainer): Promise<string> {
  const { services, pod, events, signal, sandbox } = input
  const sandboxConfig = await makeSandboxConfig(services, pod, sandbox.attempt).catch((error: unknown) => {
    throw new StartError('CreateContainerConfigError', wordsOf(error))
  })
  const { image: asked = '', imagePullPolicy: pullPolicy } = found.container
  const wanted = { image: asked, ...(pullPolicy && { pullPolicy }), named: found }
  const [{ ref, image }, volumes] = await Promise.all([
    ensureImage(input, wanted, sandboxConfig),
    abortable(input.volumes, signal),
  ])
  const images = await ensureVolumeImages(input, found, volumes, sandboxConfig)
  signal.throwIfAborted()

  const { runtimeHandler, security } = sandboxConfig
  const made = { ref, image, images, volumes, runtimeHandler, users: security.namespaces.users }
  const config = await makeConfig(input, found, made).catch((error: unknown) => {
    const words = ownWordsOf(error)
    events.warning('Failed', `Error: ${words}`, found)
    throw new StartError(error instanceof ConfigError ? error.reason : 'CreateContainerConfigError', words)
  })
  signal.throwIfAborted()
  const containerID = await services.runtime
    .createContainer(sandbox.id, config, sandboxConfig)
    .catch((error: unknown) => {
      const words = ownWordsOf(error)
      events.warning('Failed', `Error: ${words}`, found)
      throw new StartError('CreateContainerError', words)
    })
  events.normal('Created', 'Container created', found)
  return containerID
}

async function ensureImage(
  input: StartInput,
  wanted: Pick<ImageRequest, 'image' | 'pullPolicy' | 'named'>,
  sandbox: SandboxConfig,
) {
  const { services, pod, events } = input
  try {
    return await services.images.ensure({
      podUID: pod.metadata?.uid ?? '',
      ...wanted,
      events,
      sandbox,
      pullSecrets: () => pullSecrets(services, pod, events),
    })
  } catch (error) {
    if (error instanceof ImageError) throw new StartError(error.reason, error.message, error)
    throw new StartError('ImageInspectError', wordsOf(error))
  }
}

/** References of the images that volumes of the container are, by the volume's name. */
async function ensureVolumeImages(
  input: StartInput,
  found: NamedContainer,
  volumes: PreparedVolumes,
  sandbox: SandboxConfig,
): Promise<ReadonlyMap<string, string>> {
  const refs = new Map<string, string>()
  for (const { name } of found.container.volumeMounts ?? []) {
    const source = volumes.get(name)?.image
    if (!source || refs.has(name)) continue
    const problem = input.services.node.imageVolumeProblem()
    if (problem !== undefined) {
      input.events.warning('Failed', `Error: ${problem}`, found)
      throw new StartError('CreateContainerConfigError', problem)
    }
    const { reference = '', pullPolicy } = source
    const { ref } = await ensureImage(input, { image: reference, ...(pullPolicy && { pullPolicy }) }, sandbox)
    refs.set(name, ref)
  }
  return refs
}

/** Secrets that are missing are left out, and told of: the registry may not ask for them. */
async function pullSecrets(services: PodServices, pod: Pod, events: PodEvents): Promise<readonly Secret[]> {
  const namespace = pod.metadata?.namespace ?? ''
  const secrets: Secret[] = []
  const missing: string[] = []
  for (const { name } of pod.spec?.imagePullSecrets ?? []) {
    if (!name) continue
    try {
      secrets.push(await services.secret(namespace, name))
    } catch (error) {
      if (!isNotFound(error)) throw error
      missing.push(name)
    }
  }
  if (missing.length > 0) {
    events.warning(
      'FailedToRetrieveImagePullSecret',
      `Unable to retrieve some image pull secrets (${missing.join(', ')}); attempting to pull the image may not succeed.`,
    )
  }
  return secrets
}

/** What a container is made of that has been had ready. */
interface MadeReady {
  readonly ref: string
  readonly image: Image
  /** Of volumes. */
  readonly images: ReadonlyMap<string, string>
  readonly volumes: PreparedVolumes
  readonly runtimeHandler: string
  /** What the pod's own users are on the node. */
  readonly users: IDMapping | undefined
}

async function makeConfig(
  input: StartInput,
  { container }: NamedContainer,
  { ref: imageRef, image, images, volumes, runtimeHandler, users }: MadeReady,
): Promise<ContainerConfig> {
  const { services, pod, sandbox, action, events } = input
  const { node, paths, runtime, observer } = services
  const facts = {
    podIPs: sandbox.ips.length > 0 ? sandbox.ips : node.hostIPs(),
    hostIPs: node.hostIPs(),
    allocatable: node.allocatable(),
  }
  const environment = await containerEnvironment({
    pod,
    container,
    sources: services,
    services: await services.services(),
    facts,
    onInvalidNames: (message) => events.warning('InvalidEnvironmentVariableNames', message),
    fileKey: (ref) => readFileKey(ref, volumes),
  })
  const directory = podDirectory(paths.rootDirectory, pod.metadata?.uid ?? '')
  if (runtime.usesHost) await makeHostsFile(directory.hostsFile, pod, facts.podIPs, node.dns().clusterDomain)
  const terminationLog = directory.terminationLog(container.name, action.attempt)
  if (runtime.usesHost) await makeTerminationLog(terminationLog)
  const target = 'targetContainerName' in container ? container.targetContainerName : undefined
  const targetContainerID = target && newestInstance(observer.get(pod.metadata?.uid ?? ''), target)?.id
  return containerConfig({
    pod,
    container,
    attempt: action.attempt,
    imageRef,
    environment,
    mounts: await containerMounts({
      pod,
      container,
      volumes,
      images,
      environment,
      ...(runtime.usesHost && { hostsFile: directory.hostsFile }),
      ...(runtime.usesHost && { terminationLog }),
      recursiveReadOnly: node.supportsRecursiveReadOnly(runtimeHandler),
      async subPath(volumePath, subPath, mount, index) {
        const path = directory.subPath(mount.name, container.name, index)
        if (!runtime.usesHost) return path
        await mountSubPath(volumePath, subPath, path, services.mounter).catch(async (error: unknown) => {
          // Why may tell of the node's files, which is not for those who see the pod.
          services.log.warn('a subPath cannot be mounted', { pod: pod.metadata?.name, path, error })
          const hasPath = await isThere(join(volumePath, subPath))
          const failed = hasPath ? 'prepare subPath' : 'create subPath directory'
          throw new Error(
            `failed to ${failed} for volumeMount "${mount.name}" of container "${container.name}"`,
          )
        })
        return path
      },
    }),
    devices: containerDevices(container, volumes),
    additions: await services.resources.additions(pod, container),
    resources: containerResources(pod, container, node.resources()),
    security: containerSecurity(
      pod,
      container,
      image,
      { seccompDirectory: paths.seccompDirectory, seccompDefault: node.seccompDefault },
      users,
    ),
    ...(targetContainerID && { targetContainerID }),
  })
}

/** Made anew with each container: a new sandbox may have another address. */
async function makeHostsFile(
  path: string,
  pod: Pod,
  podIPs: readonly string[],
  clusterDomain: string,
): Promise<void> {
  const nodeHosts = pod.spec?.hostNetwork ? await readFile('/etc/hosts', 'utf8') : ''
  await mkdir(dirname(path), { recursive: true, mode: 0o750 })
  await writeFile(path, hostsFile(pod, podIPs, nodeHosts, clusterDomain), { mode: 0o644 })
}

async function makeTerminationLog(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o750 })
  await writeFile(path, '', { mode: 0o666 })
  await chmod(path, 0o666)
}

/** Log collectors find logs by `<pod>_<namespace>_<container>-<id>.log`. */
export function logLink(directory: string, pod: Pod, container: string, containerID: string): string {
  const { name = '', namespace = '' } = pod.metadata ?? {}
  return join(directory, `${name}_${namespace}_${container}-${containerID}.log`)
}

async function linkLog(
  { paths, runtime }: PodServices,
  pod: Pod,
  { name, attempt }: StartContainer,
  containerID: string,
): Promise<void> {
  if (paths.containerLogsDirectory === undefined || !runtime.usesHost) return
  const target = join(podLogDirectory(paths.podLogsDirectory, pod), containerLogPath(name, attempt))
  const link = logLink(paths.containerLogsDirectory, pod, name, containerID)
  await mkdir(paths.containerLogsDirectory, { recursive: true })
  await symlink(target, link).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error
  })
}

async function postStart(
  { services, pod, events, sandbox, signal, action }: StartInput,
  named: NamedContainer,
  containerID: string,
  seen: () => Promise<unknown>,
): Promise<void> {
  const handler = named.container.lifecycle?.postStart
  if (!handler) return
  await seen()
  const { runtime, clock, node } = services
  const podIP = sandbox.ips[0] ?? node.hostIPs()[0] ?? ''
  try {
    await runHook(runtime, clock, handler, { container: named.container, containerID, podIP }, signal)
  } catch (error) {
    if (signal.aborted) throw error
    const words = error instanceof HookError ? error.message : wordsOf(error)
    events.warning('FailedPostStartHook', `PostStartHook failed: ${words}`, named)
    events.normal('Killing', `FailedPostStartHook`, named)
    await runtime.stopContainer(containerID, pod.spec?.terminationGracePeriodSeconds ?? 30)
    throw new StartError('PostStartHookError', `PostStartHook of ${action.name} failed: ${words}`)
  }
}

/** The promise, or the signal's reason when that comes first. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  return await new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Without the code of the call that failed, as upstream tells of containers. */
function ownWordsOf(error: unknown): string {
  return isRuntimeError(error) ? error.description : wordsOf(error)
}
