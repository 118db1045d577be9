import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Writable } from 'node:stream'
import { promisify } from 'node:util'
import { createGzip } from 'node:zlib'
import { aggregateFieldErrors } from '../../../machinery/field-error.ts'
import { HttpError } from '../http-error.ts'
import { logPath, openLogFile } from './log-file.ts'
import type { SystemLogOptions } from './system-log-options.ts'
import {
  journalArguments,
  parseNodeLogQuery,
  validateNodeLogQuery,
  type NodeLogOptions,
} from './node-log-query.ts'

const runProgram = promisify(execFile)
const journalTimeoutMs = 30_000

/**
 * `/logs/`: the machine's logs, by path, and where it is allowed by service, from the journal or from the file of that name.
 * Throws HttpError. Source: kubernetes/pkg/kubelet, kubelet.go and kubelet_server_journal.go.
 */
export async function serveSystemLogs(
  { directory, isQueried }: SystemLogOptions,
  name: string,
  parameters: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET') throw new HttpError(405, 'Method Not Allowed')
  const parsed = isQueried ? parseNodeLogQuery(parameters) : { query: undefined }
  if (parsed.errors) throw new HttpError(400, aggregateFieldErrors(parsed.errors))
  const { query } = parsed
  if (!query) return await servePath(directory, name, response)
  if (name !== '/' && name !== '') throw new HttpError(406, 'path not allowed in query mode')
  const errors = await validateNodeLogQuery(query, directory)
  if (errors.length > 0) throw new HttpError(406, aggregateFieldErrors(errors))
  const [file] = query.files
  if (file !== undefined) return await servePath(directory, file, response)
  response.setHeader('content-type', 'text/plain;charset=UTF-8')
  if (request.headers['accept-encoding'] !== 'gzip') {
    await writeServices(directory, query.services, query.options, response)
    response.end()
    return
  }
  response.setHeader('content-encoding', 'gzip')
  const zipped = createGzip({ level: 1 })
  const sent = pipeline(zipped, response)
  await writeServices(directory, query.services, query.options, zipped)
  zipped.end()
  await sent
}

async function writeServices(
  directory: string,
  services: readonly string[],
  options: NodeLogOptions,
  to: Writable,
): Promise<void> {
  const inJournal: string[] = []
  const inFiles: string[] = []
  for (const service of services) ((await hasJournal(service)) ? inJournal : inFiles).push(service)
  if (inJournal.length > 0 && !(await journal(journalArguments(inJournal, options), to))) {
    to.write('\nerror: journal output not available\n')
  }
  if (inFiles.length === 0) return
  if (Object.keys(options).length > 0) {
    to.write(
      `\noptions present and query resolved to log files for [${inFiles.join(' ')}]\ntry without specifying options\n`,
    )
    return
  }
  for (const service of inFiles) await writeFileOf(directory, service, to)
}

/** Whether the unit has ever written to the journal. */
async function hasJournal(service: string): Promise<boolean> {
  const args = ['--utc', '--no-pager', '--quiet', '--lines=1', `--unit=${service}`]
  const answer = await runProgram('journalctl', args, { timeout: journalTimeoutMs }).catch(() => undefined)
  return answer !== undefined && answer.stdout.trim() !== ''
}

/** Writes what journalctl prints, and what it says of its mistakes; false where there is none. */
async function journal(args: readonly string[], to: Writable): Promise<boolean> {
  const child = spawn('journalctl', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: journalTimeoutMs })
  const closed = once(child, 'close').then(
    () => true,
    () => false,
  )
  const end = () => child.kill()
  to.once('close', end)
  child.stdout.pipe(to, { end: false })
  child.stderr.pipe(to, { end: false })
  const isThere = await closed
  to.off('close', end)
  return isThere
}

async function writeFileOf(directory: string, service: string, to: Writable): Promise<void> {
  for (const name of [service, `${service}.log`, `${service}/${service}.log`]) {
    const found = await openLogFile(directory, name)
    if (found?.isFile) return await pipeline(found.file.createReadStream(), to, { end: false })
    await found?.file.close()
  }
  to.write(`\nlog not found for ${service}\n`)
}

async function servePath(directory: string, name: string, response: ServerResponse): Promise<void> {
  const found = await openLogFile(directory, name)
  if (found?.isDirectory) {
    await found.file.close()
    return await serveDirectory(directory, name, response)
  }
  if (!found?.isFile || name.endsWith('/')) {
    await found?.file.close()
    throw new HttpError(404, '404 page not found\n')
  }
  const { file, sizeBytes } = found
  const { bytesRead, buffer } = await file.read(Buffer.alloc(512), 0, 512, 0)
  const type = buffer.subarray(0, bytesRead).includes(0)
    ? 'application/octet-stream'
    : 'text/plain; charset=utf-8'
  response.writeHead(200, { 'content-type': type, 'content-length': sizeBytes })
  // It may grow meanwhile.
  if (sizeBytes > 0) return await pipeline(file.createReadStream({ start: 0, end: sizeBytes - 1 }), response)
  await file.close()
  response.end()
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
}

/** As Go's file server lists it. */
async function serveDirectory(directory: string, name: string, response: ServerResponse): Promise<void> {
  if (name !== '' && !name.endsWith('/')) {
    response.writeHead(301, { location: `${encodeURIComponent(name.slice(name.lastIndexOf('/') + 1))}/` })
    response.end()
    return
  }
  const entries = await readdir(logPath(directory, name), { withFileTypes: true })
  const lines = entries
    .map((entry) => `${entry.name}${entry.isDirectory() ? '/' : ''}`)
    .toSorted()
    .map((entry) => {
      const text = entry.replaceAll(/[&<>"']/g, (character) => entities[character]!)
      return `<a href="${encodeURI(entry).replaceAll(/[?#]/g, encodeURIComponent)}">${text}</a>\n`
    })
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
  response.end(
    `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${lines.join('')}</pre>\n`,
  )
}
