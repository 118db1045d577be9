import type { Node } from '../../api/generated/core.v1.ts'
import type { Informer } from '../../client/informer.ts'
import type { Logger } from '../../machinery/log.ts'
import type { RuntimeMonitor } from '../runtime/runtime-monitor.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import { writeCNIConfig, type CNIOptions } from './cni-config.ts'

export interface PodCIDROptions {
  /** Of this node alone. */
  readonly nodes: Informer<Node>
  /** What the node's pods have, whatever the node's object says. */
  readonly fixed: readonly string[] | undefined
  /** Where the pod network's configuration is written; nobody's business here when absent. */
  readonly cni: CNIOptions | undefined
  readonly runtime: ContainerRuntime
  readonly monitor: RuntimeMonitor
  readonly log: Logger
}

/** Tells the runtime and its network where pods' addresses come from: now where that is fixed, else whenever the node says. */
export async function followPodCIDRs(options: PodCIDROptions): Promise<{ stop(): void }> {
  const { nodes, fixed, cni, runtime, monitor, log } = options
  let applied = ''

  async function apply(podCIDRs: readonly string[]): Promise<void> {
    const text = podCIDRs.join(',')
    if (text === applied) return
    applied = text
    if (cni) await writeCNIConfig(podCIDRs, cni)
    await runtime.updatePodCIDR(text)
    await monitor.check()
  }

  if (fixed) {
    await apply(fixed)
    return { stop() {} }
  }
  const stop = nodes.onChange(({ type, object }) => {
    const { podCIDR, podCIDRs = podCIDR === undefined ? [] : [podCIDR] } = object.spec ?? {}
    if (type === 'deleted' || podCIDRs.length === 0) return
    apply(podCIDRs).catch((error: unknown) => log.error('setting the pod CIDR failed', { error }))
  })
  return { stop }
}
