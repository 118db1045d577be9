import { mkdir } from 'node:fs/promises'
import type { Pod } from '../../api/generated/core.v1.ts'
import { podLogDirectory, sandboxConfig } from '../containers/sandbox-config.ts'
import type { SandboxConfig } from '../runtime/runtime.ts'
import type { PodServices } from './services.ts'

/** The configuration of a pod's sandbox; the runtime wants it again with each container. */
export async function makeSandboxConfig(
  services: PodServices,
  pod: Pod,
  attempt: number,
): Promise<SandboxConfig> {
  const { runtime, paths, node, cgroups, users } = services
  const className = pod.spec?.runtimeClassName
  const runtimeHandler = className ? await services.runtimeHandler(className) : ''
  return sandboxConfig({
    pod,
    attempt,
    dns: node.dns(),
    podLogsDirectory: paths.podLogsDirectory,
    seccompDirectory: paths.seccompDirectory,
    users: await users.mappingOf(pod, runtimeHandler),
    cgroupParent: runtime.usesHost ? await cgroups.create(pod) : '',
    runtimeHandler,
    cpuPeriod: node.resources().cpuPeriod,
  })
}

/** What the pod's ResourceClaims have been given could not be made ready. */
export class PrepareError extends Error {
  override readonly name = 'PrepareError'
}

/** Starts a sandbox for the pod, when the network is there for it. Resolves with its id. */
export async function createSandbox(
  services: PodServices,
  pod: Pod,
  attempt: number,
  signal: AbortSignal,
): Promise<string> {
  const { runtime, paths } = services
  if (!pod.spec?.hostNetwork) await services.networkReady(signal)
  await services.resources.prepare(pod).catch((error: unknown) => {
    throw new PrepareError(
      `prepare dynamic resources: ${error instanceof Error ? error.message : String(error)}`,
    )
  })
  const config = await makeSandboxConfig(services, pod, attempt)
  if (runtime.usesHost) {
    await mkdir(podLogDirectory(paths.podLogsDirectory, pod), { recursive: true, mode: 0o750 })
  }
  return await runtime.runSandbox(config)
}
