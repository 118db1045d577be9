import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { ShutdownInhibitor } from './inhibitor.ts'

const run = promisify(execFile)

const logind = [
  'org.freedesktop.login1',
  '/org/freedesktop/login1',
  'org.freedesktop.login1.Manager',
] as const
const systemd = [
  'org.freedesktop.systemd1',
  '/org/freedesktop/systemd1',
  'org.freedesktop.systemd1.Manager',
] as const
const configurationDirectory = '/etc/systemd/logind.conf.d'
const watchedSignal = `type='signal',interface='${logind[2]}',member='PrepareForShutdown',path='${logind[1]}'`

/**
 * systemd-logind, on the machine's bus or the one that is named, by systemd's own programs: an inhibitor is a file that the bus hands over, which Node cannot take. Source:
 * systemd's "Inhibitor Locks" and org.freedesktop.login1(5).
 */
export function logindInhibitor(busAddress?: string): ShutdownInhibitor {
  const env = { ...process.env, ...(busAddress !== undefined && { DBUS_SYSTEM_BUS_ADDRESS: busAddress }) }
  const busctl = (...args: readonly string[]) => run('busctl', ['--system', ...args], { env })
  return {
    async delayMs() {
      const { stdout } = await busctl('get-property', ...logind, 'InhibitDelayMaxUSec')
      const microseconds = /^t (\d+)\s*$/.exec(stdout)?.[1]
      if (microseconds === undefined)
        throw new Error(`InhibitDelayMaxUSec from logind is not a uint64: ${stdout}`)
      return Number(microseconds) / 1000
    },
    async setDelay(delayMs) {
      await mkdir(configurationDirectory, { recursive: true, mode: 0o755 })
      const content = `# Kubelet logind override\n[Login]\nInhibitDelayMaxSec=${Math.ceil(delayMs / 1000)}\n`
      await writeFile(join(configurationDirectory, '99-kubelet.conf'), content, { mode: 0o644 })
      const hangUp = ['ssi', 'systemd-logind.service', 'all', '1']
      await busctl('call', ...systemd, 'KillUnit', ...hangUp)
    },
    async lock() {
      const what = ['--what=shutdown', '--mode=delay', '--who=kubelet']
      const why = '--why=Kubelet needs time to handle node shutdown'
      // `cat` says that the lock is taken, and ends with its input: also when this process is gone.
      const child = spawn('systemd-inhibit', [...what, why, 'cat'], { stdio: ['pipe', 'pipe', 'pipe'], env })
      await untilAnswers(child)
      return () => child.stdin.end()
    },
    async watch(onShutdown) {
      const child = spawn('busctl', ['--system', '--json=short', 'monitor', '--match', watchedSignal], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env,
      })
      const started = Promise.withResolvers<void>()
      const ended = Promise.withResolvers<void>()
      child.once('error', started.reject)
      child.once('close', () => {
        started.reject(new Error('busctl monitor ended'))
        ended.resolve()
      })
      createInterface({ input: child.stderr }).on('line', (line) => {
        if (line.startsWith('Monitoring')) started.resolve()
      })
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.startsWith('Monitoring')) return started.resolve()
        const isShuttingDown = parseSignal(line)
        if (isShuttingDown !== undefined) onShutdown(isShuttingDown)
      })
      await started.promise
      return { ended: ended.promise, stop: () => child.kill() }
    },
  }
}

/** Resolves when what is written to the program comes back; rejects when it ends before. */
function untilAnswers(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let words = ''
    child.stderr?.on('data', (data: Buffer) => (words += data.toString()))
    child.once('error', reject)
    child.once('close', () => reject(new Error(`failed creating systemd inhibitor: ${words.trim()}`)))
    child.stdout?.once('data', () => resolve())
    child.stdin?.on('error', () => {})
    child.stdin?.write('\n')
  })
}

/** One line of `busctl --json=short monitor`; undefined where it is not the signal. */
export function parseSignal(line: string): boolean | undefined {
  let message: { readonly member?: unknown; readonly payload?: { readonly data?: readonly unknown[] } }
  try {
    message = JSON.parse(line) as typeof message
  } catch {
    return undefined
  }
  const value = message.payload?.data?.[0]
  return message.member === 'PrepareForShutdown' && typeof value === 'boolean' ? value : undefined
}
