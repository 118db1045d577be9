import type { Cancel, Clock } from '../machinery/clock.ts'
import type { PodInfo } from './pod-info.ts'

/** A pod that has a node, and waits for plugins to let it be bound. */
export interface WaitingPod {
  readonly pod: PodInfo
  readonly nodeName: string
  /** Plugins that have not allowed it yet. */
  readonly pending: ReadonlySet<string>
  allow(plugin: string): void
  refuse(plugin: string, reason: string): void
}

export type WaitResult =
  | { readonly type: 'allowed' }
  | { readonly type: 'refused'; readonly plugin: string; readonly reason: string }

/** Pods between permit and binding, by key. */
export class WaitingPods {
  readonly #clock: Clock
  readonly #pods = new Map<string, WaitingPod>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(key: string): WaitingPod | undefined {
    return this.#pods.get(key)
  }

  list(): WaitingPod[] {
    return [...this.#pods.values()]
  }

  /** Resolves when every plugin has allowed the pod, one has refused it, or one's time is over. */
  wait(pod: PodInfo, nodeName: string, maxMs: ReadonlyMap<string, number>): Promise<WaitResult> {
    const pending = new Map<string, Cancel>()
    return new Promise((resolve) => {
      const end = (result: WaitResult) => {
        for (const cancel of pending.values()) cancel()
        this.#pods.delete(pod.key)
        resolve(result)
      }
      for (const [plugin, ms] of maxMs) {
        const tooLong = () =>
          end({
            type: 'refused',
            plugin,
            reason: `rejected due to timeout after waiting ${ms}ms at plugin ${plugin}`,
          })
        pending.set(plugin, this.#clock.after(ms, tooLong))
      }
      this.#pods.set(pod.key, {
        pod,
        nodeName,
        get pending() {
          return new Set(pending.keys())
        },
        allow(plugin) {
          pending.get(plugin)?.()
          pending.delete(plugin)
          if (pending.size === 0) end({ type: 'allowed' })
        },
        refuse: (plugin, reason) => end({ type: 'refused', plugin, reason }),
      })
    })
  }
}
