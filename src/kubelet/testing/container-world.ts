import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContainerStatus, Pod, PodSpec } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import { ifThere } from '../if-there.ts'
import type { KubeletOptions } from '../options.ts'
import { startTestContainerd, type TestContainerd } from './containerd.ts'
import { kubeletHarness, type KubeletHarness } from './kubelet-harness.ts'
import { aPod, aShell } from './pod-builder.ts'

/** A kubelet over a containerd of its own, with what tests do to it. */
export interface ContainerWorld {
  readonly containerd: TestContainerd
  readonly kubelet: KubeletHarness
  /** Containers' logs. */
  readonly logs: string
  /** A directory of this machine for pods to write to. */
  readonly share: string
  create(name: string, spec: Partial<PodSpec>, metadata?: Pod['metadata']): Promise<Pod>
  /** Deletes a pod and waits until it is gone. */
  remove(name: string): Promise<void>
  /** What a container has written by now, without CRI's prefixes. */
  logOf(pod: Pod, container: string, attempt?: number): Promise<string>
  /** Runs a script to its end and answers with its output. */
  output(name: string, script: string, spec?: Partial<PodSpec>, container?: object): Promise<string>
  stop(): Promise<void>
}

/** `podCIDR`: another one in each test file, since they run beside one another. The kubelet is not started yet. */
export async function prepareContainerWorld(
  podCIDR: string,
  options: Partial<KubeletOptions> = {},
): Promise<ContainerWorld> {
  const containerd = await startTestContainerd()
  const { directory } = containerd
  const logs = join(directory, 'logs')
  const share = join(directory, 'share')
  await mkdir(share)
  const kubelet = kubeletHarness({
    nodeName: 'node-1',
    nodeIPs: ['192.0.2.10'],
    runtime: { type: 'cri', socket: containerd.socket },
    rootDirectory: join(directory, 'kubelet'),
    podLogsDirectory: logs,
    containerLogsDirectory: join(directory, 'links'),
    cgroupRoot: containerd.cgroupRoot,
    podCIDRs: [podCIDR],
    cni: {
      directory: containerd.cniDirectory,
      bridge: containerd.bridge,
      addressDirectory: join(directory, 'addresses'),
      ipMasquerade: false,
    },
    ...options,
  })

  const world: ContainerWorld = {
    containerd,
    kubelet,
    logs,
    share,
    create: (name, spec, metadata) => kubelet.client.create(pods, aPod(name, spec, metadata)),
    async remove(name) {
      await kubelet.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 1 })
      await kubelet.waitGone(name)
    },
    async logOf({ metadata = {} }, container, attempt = 0) {
      const path = join(logs, `default_${metadata.name}_${metadata.uid}`, container, `${attempt}.log`)
      const text = (await ifThere(readFile(path, 'utf8'))) ?? ''
      return text.replaceAll(/^\S+ \S+ \S /gm, '')
    },
    async output(name, script, spec = {}, container = {}) {
      // Two streams reach the log in any order; one keeps its own.
      const containers = [aShell('app', `exec 2>&1; ${script}`, container)]
      await world.create(name, { restartPolicy: 'Never', containers, ...spec })
      const pod = await kubelet.waitFor(name, hasEnded)
      const text = await world.logOf(pod, 'app')
      await world.remove(name)
      return text
    },
    async stop() {
      await kubelet.stop()
      await containerd.stop()
    },
  }
  return world
}

/** The status of the first main container. */
export function app(pod: Pod): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.[0]
}

/** What the first main container waits for. */
export function waitingReason(pod: Pod): string | undefined {
  return app(pod)?.state?.waiting?.reason
}

export function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

export function isRunning({ status }: Pod): boolean {
  return status?.phase === 'Running'
}

export function isReady({ status }: Pod): boolean {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
}

/** Waits for a condition that no API object tells. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the condition does not become true')
}
