import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Cancel, Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { AgentMessage, ComponentHealth } from '../agent/agent-message.ts'
import { entryPoint } from '../entry-point.ts'
import { launch } from '../machine/detached-process.ts'
import { end, identify, type ProcessIdentity } from '../machine/processes.ts'

export interface AgentProcessOptions {
  readonly node: string
  readonly configurationFile: string
  readonly networkNamespace: string
  readonly cgroupProcsFile: string
  /** What the process writes to its outputs: crashes, and nothing else. */
  readonly logFile: string
  readonly clock: Clock
  readonly log: Logger
  /** Called with each process that is started, also again after a crash. */
  onStart(process: ProcessIdentity): void
  onReady(component: string): void
}

/** A node's process, started again when it ends by itself. */
export interface AgentProcess {
  /** Of each component; `undefined` when the process does not answer. */
  health(): Promise<readonly ComponentHealth[] | undefined>
  readonly restarts: number
  readonly process: ProcessIdentity | undefined
  stop(): Promise<void>
}

const [firstBackoffMs, lastBackoffMs, forgivenAfterMs] = [500, 30_000, 60_000]
const healthTimeoutMs = 1000

export function startAgentProcess(options: AgentProcessOptions): AgentProcess {
  const { clock, log, node } = options
  const waiting = new Map<number, (ills: readonly ComponentHealth[]) => void>()
  let child: ChildProcess | undefined
  let identity: ProcessIdentity | undefined
  let restart: Cancel | undefined
  let backoffMs = firstBackoffMs
  let restarts = 0
  let questions = 0
  let stopped = false

  function start(): void {
    const startedAt = clock.monotonic()
    const output = openSync(options.logFile, 'a', 0o600)
    const { program, args } = launch({
      program: process.execPath,
      args: [...process.execArgv, entryPoint('agent'), options.configurationFile],
      networkNamespace: options.networkNamespace,
      cgroupProcsFile: options.cgroupProcsFile,
    })
    child = spawn(program, args, { detached: true, stdio: ['ignore', output, output, 'ipc'] })
    closeSync(output)
    identity = child.pid === undefined ? undefined : identify(child.pid)
    if (identity) options.onStart(identity)
    child.on('message', hear)
    child.once('error', (error) => log.error('node process could not be started', { node, error }))
    child.once('close', (code, signal) => {
      if (stopped) return
      if (clock.monotonic() - startedAt > forgivenAfterMs) backoffMs = firstBackoffMs
      log.error('node process ended, starting it again', { node, code, signal, afterMs: backoffMs })
      restart = clock.after(backoffMs, start)
      backoffMs = Math.min(backoffMs * 2, lastBackoffMs)
      restarts += 1
    })
  }

  function hear(message: AgentMessage): void {
    if (message.type === 'ready') options.onReady(message.component)
    if (message.type === 'health') {
      waiting.get(message.id)?.(message.ills)
      waiting.delete(message.id)
    }
  }

  start()
  return {
    get restarts() {
      return restarts
    },
    get process() {
      return identity
    },
    health() {
      const current = child
      if (!current?.connected) return Promise.resolve(undefined)
      const id = ++questions
      return new Promise((resolve) => {
        const cancel = clock.after(healthTimeoutMs, () => {
          waiting.delete(id)
          resolve(undefined)
        })
        waiting.set(id, (ills) => {
          cancel()
          resolve(ills)
        })
        current.send({ type: 'health?', id } satisfies AgentMessage, () => {})
      })
    },
    async stop() {
      stopped = true
      restart?.()
      if (identity) await end(identity, 5_000)
      if (child?.connected) child.disconnect()
    },
  }
}
