import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { CliError } from '../cli/cli-error.ts'
import { entryPoint } from '../entry-point.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { reportChannelVariable, type ReportMessage } from './report-channel.ts'

/** Runs the same `up` in a process of its own, shows what it reports, and resolves when the cluster is ready. */
export async function startInBackground(folder: ClusterFolder, args: readonly string[]): Promise<void> {
  mkdirSync(folder.logs, { recursive: true, mode: 0o700 })
  const logFile = join(folder.logs, 'up.log')
  const output = openSync(logFile, 'a', 0o600)
  const child = spawn(process.execPath, [...process.execArgv, entryPoint('k8ts'), 'up', ...args], {
    detached: true,
    stdio: ['ignore', output, output, 'pipe'],
    env: { ...process.env, [reportChannelVariable]: '3' },
  })
  closeSync(output)
  const interrupt = () => void child.kill('SIGINT')
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  try {
    const end = await readReports(child.stdio[3] as Readable)
    if (end?.type === 'failed') {
      if (child.exitCode === null) await once(child, 'exit')
      throw new CliError(end.message, end.exitCode)
    }
    if (!end) throw new CliError(`the cluster ended while it started; see ${logFile}`)
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
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
