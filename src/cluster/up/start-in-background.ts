import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { CliError } from '../cli/cli-error.ts'
import { entryPoint } from '../entry-point.ts'
import { identify, signalGroup } from '../machine/processes.ts'
import { createClusterFolder, type ClusterFolder } from '../state/cluster-folder.ts'
import { reportChannelVariable, type ReportMessage } from './report-channel.ts'
import { supervise } from './supervisor.ts'

/** Runs the same `up` in a process of its own, which is started again if it ends by itself later; shows what it reports, and resolves when the cluster is ready. */
export async function startInBackground(folder: ClusterFolder, args: readonly string[]): Promise<void> {
  createClusterFolder(folder)
  const logFile = join(folder.logs, 'up.log')
  const output = openSync(logFile, 'a', 0o600)
  const server = [process.execPath, ...process.execArgv, entryPoint('k8ts'), 'up', ...args]
  const { program, args: programArgs } = supervise(folder, server)
  const child = spawn(program, programArgs, {
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
    env: { ...process.env, [reportChannelVariable]: '3' },
  })
  closeSync(output)
  const interrupt = () => {
    const supervisor = child.pid === undefined ? undefined : identify(child.pid)
    if (supervisor) signalGroup(supervisor, 'SIGINT')
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const channel = child.stdio[3] as Readable
  try {
    const end = await readReports(channel)
    if (end?.type === 'failed') {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      throw new CliError(end.message, end.exitCode)
    }
    if (!end) throw new CliError(`the cluster ended while it started; see ${logFile}`)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    channel.destroy()
  }
  child.unref()
}

/** Prints lines until the cluster is ready or has failed; undefined when the channel ends before. */
async function readReports(channel: Readable): Promise<ReportMessage | undefined> {
  for await (const line of createInterface({ input: channel })) {
    const message = JSON.parse(line) as ReportMessage
    if (message.type !== 'line') return message
    process.stdout.write(`${message.line}\n`)
  }
  return undefined
}
