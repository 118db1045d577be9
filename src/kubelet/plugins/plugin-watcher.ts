import { watch, type FSWatcher } from 'node:fs'
import { lstat, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Cancel, Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { PluginInfo } from './generated/registration_pb.ts'

/** What takes plugins of one type in. */
export interface PluginHandler {
  /** Rejects when the plugin cannot be used; it is told why. `endpoint` is the socket that it serves on. */
  register(name: string, endpoint: string, versions: readonly string[]): Promise<void>
  deregister(name: string, endpoint: string): Promise<void>
}

export interface PluginWatcherOptions {
  /** `<kubelet root>/plugins_registry`: a socket that appears in it is a plugin. */
  readonly directory: string
  /** By the type that plugins say they are: `CSIPlugin`. */
  readonly handlers: Readonly<Record<string, PluginHandler>>
  readonly clock: Clock
  readonly log: Logger
}

interface Plugin {
  /** Tells one socket from the next of the same name. */
  readonly identity: string
  readonly registered?: { readonly handler: PluginHandler; readonly name: string; readonly endpoint: string }
  readonly retryAtMs: number
  readonly retryMs: number
}

const registrationTimeoutMs = 10_000
const rescanMs = 10_000
const firstRetryMs = 500
const maximumRetryMs = 122_000

/**
 * Takes in plugins whose sockets appear in a directory, and forgets those whose sockets have gone. Source:
 * kubernetes/pkg/kubelet/pluginmanager.
 */
export async function watchPlugins(options: PluginWatcherOptions): Promise<{ stop(): Promise<void> }> {
  const { directory, handlers, clock, log } = options
  const plugins = new Map<string, Plugin>()
  let cancel: Cancel = () => {}
  let running: Promise<void> | undefined
  let again = false
  let stopped = false

  await mkdir(directory, { recursive: true, mode: 0o750 })
  const watcher: FSWatcher = watch(directory, look)
  // A rescan comes anyway.
  watcher.on('error', (error) => log.warn('watching for plugins failed', { error }))

  function look(): void {
    if (stopped) return
    again = true
    running ??= run().finally(() => (running = undefined))
  }

  async function run(): Promise<void> {
    while (again) {
      again = false
      cancel()
      await scan().catch((error: unknown) => log.warn('looking for plugins failed', { error }))
    }
    const next = Math.min(...Array.from(plugins.values(), ({ retryAtMs }) => retryAtMs))
    if (!stopped) cancel = clock.after(Math.max(0, Math.min(rescanMs, next - clock.now())), look)
  }

  async function scan(): Promise<void> {
    const sockets = await findSockets(directory)
    for (const [path, plugin] of plugins) {
      if (sockets.get(path) === plugin.identity) continue
      plugins.delete(path)
      const { registered } = plugin
      if (registered) await registered.handler.deregister(registered.name, registered.endpoint)
    }
    for (const [path, identity] of sockets) {
      const known = plugins.get(path)
      if (known && known.retryAtMs > clock.now()) continue
      plugins.set(path, await takeIn(path, identity, known))
    }
  }

  async function takeIn(path: string, identity: string, known: Plugin | undefined): Promise<Plugin> {
    try {
      const registered = await register(path)
      log.info('plugin registered', { plugin: registered.name })
      return { identity, registered, retryAtMs: Infinity, retryMs: firstRetryMs }
    } catch (error) {
      const retryMs = known ? Math.min(known.retryMs * 2, maximumRetryMs) : firstRetryMs
      log.warn('registering a plugin failed', { socket: path, error })
      return { identity, retryAtMs: clock.now() + retryMs, retryMs }
    }
  }

  /** gRPC is loaded when the first plugin comes. */
  async function register(path: string): Promise<NonNullable<Plugin['registered']>> {
    const { connectPlugin } = await import('./plugin-connection.ts')
    const { Registration } = await import('./generated/registration_pb.ts')
    const connection = connectPlugin(path)
    const { getInfo, notifyRegistrationStatus } = Registration.method
    try {
      const info = await connection.call(getInfo, {}, registrationTimeoutMs)
      const endpoint = info.endpoint || path
      try {
        const handler = handlerOf(info)
        await handler.register(info.name, endpoint, info.supportedVersions)
        await connection.call(notifyRegistrationStatus, { pluginRegistered: true }, registrationTimeoutMs)
        return { handler, name: info.name, endpoint }
      } catch (error) {
        const words = error instanceof Error ? error.message : String(error)
        const status = {
          pluginRegistered: false,
          error: `RegisterPlugin error -- plugin registration failed with err: ${words}`,
        }
        await connection.call(notifyRegistrationStatus, status, registrationTimeoutMs)
        throw error
      }
    } finally {
      connection.close()
    }
  }

  function handlerOf({ type }: PluginInfo): PluginHandler {
    const handler = handlers[type]
    if (!handler) throw new Error(`no handler registered for plugin type: ${type}`)
    return handler
  }

  look()
  return {
    async stop() {
      stopped = true
      again = false
      watcher.close()
      cancel()
      await running
    },
  }
}

/** Sockets in the directory and below it, by path, each with what tells it from a later one there. */
async function findSockets(directory: string): Promise<ReadonlyMap<string, string>> {
  const sockets = new Map<string, string>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isSocket() || entry.name.startsWith('.')) continue
    const path = join(entry.parentPath, entry.name)
    const stats = await lstat(path).catch(() => undefined)
    if (stats) sockets.set(path, `${stats.dev}:${stats.ino}:${stats.ctimeMs}`)
  }
  return sockets
}
