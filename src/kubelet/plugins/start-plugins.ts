import { join } from 'node:path'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { watchPlugins, type PluginHandler } from './plugin-watcher.ts'

export interface PluginsOptions {
  readonly rootDirectory: string
  /** By the type that plugins say they are. */
  readonly handlers: Readonly<Record<string, PluginHandler>>
  /** Resolves when plugins may come. */
  readonly when: Promise<unknown>
  readonly clock: Clock
  readonly log: Logger
}

/** Takes in plugins whose sockets appear below the kubelet's root, from when they may come until it is stopped. */
export function startPlugins(options: PluginsOptions): { stop(): Promise<void> } {
  const { rootDirectory, handlers, clock, log } = options
  const directory = join(rootDirectory, 'plugins_registry')
  let watcher: { stop(): Promise<void> } | undefined
  let stopped = false
  const watching = options.when.then(async () => {
    if (stopped) return
    watcher = await watchPlugins({ directory, handlers, clock, log })
    if (stopped) await watcher.stop()
  })
  watching.catch((error: unknown) => log.error('watching for plugins failed', { error }))
  return {
    async stop() {
      stopped = true
      await watcher?.stop()
    },
  }
}
