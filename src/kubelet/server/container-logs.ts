import type { ServerResponse } from 'node:http'
import { parseTime } from '../../machinery/time.ts'
import type { Clock } from '../../machinery/clock.ts'
import { memoryLogFile, openLogFile } from '../logs/log-file.ts'
import { readLog, type LogOptions } from '../logs/read-log.ts'
import { drained } from '../runtime/drained.ts'
import { HttpError } from './http-error.ts'
import { loggedContainer } from './find-container.ts'
import type { ServerContext } from './server-context.ts'

/** GET /containerLogs/{namespace}/{pod}/{container}: the log as plain text, flushed as it comes. */
export async function serveContainerLogs(
  context: ServerContext,
  [namespace = '', podName = '', name = '']: readonly string[],
  query: URLSearchParams,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { options, previous } = logOptions(query, context.clock)
  const { services, instance } = loggedContainer(context, namespace, podName, name, previous)
  const { runtime, observer, clock } = services
  const uid = instance.labels['io.kubernetes.pod.uid'] ?? ''
  const kept = await runtime.containerLog?.(instance.id)
  const file = kept
    ? memoryLogFile(kept)
    : await openLogFile(instance.logPath).catch((error: unknown) => {
        const words = error instanceof Error ? error.message : String(error)
        throw new HttpError(500, `failed to try resolving symlinks in path "${instance.logPath}": ${words}`)
      })
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.flushHeaders()
  const isRunning = () =>
    kept === undefined &&
    observer.get(uid).containers.some(({ id, state }) => id === instance.id && state === 'running')
  const source = { file, isPlain: instance.isPlainLog === true, isRunning }
  await readLog(source, options, clock, (data) => writeTo(response, data), signal)
  response.end()
}

async function writeTo(response: ServerResponse, data: Uint8Array): Promise<void> {
  if (response.destroyed) throw new Error('the client is gone')
  if (!response.write(data)) await drained(response)
}

/** The parameters of a request for logs; those of upstream's PodLogOptions. Throws HttpError. */
export function logOptions(
  query: URLSearchParams,
  clock: Clock,
): { readonly options: LogOptions; readonly previous: boolean } {
  const flag = (name: string) => ['true', '1', ''].includes(query.get(name) ?? 'false')
  const whole = (name: string): number | undefined => {
    const text = query.get(name)
    if (text === null) return undefined
    if (!/^\d+$/.test(text)) throw new HttpError(422, `{"message": "invalid value of ${name}: ${text}"}`)
    return Number(text)
  }
  const tailLines = query.get('tailLines') === 'all' ? undefined : whole('tailLines')
  const sinceSeconds = whole('sinceSeconds')
  const sinceMs =
    sinceSeconds === undefined
      ? parseTime(query.get('sinceTime') ?? undefined)
      : clock.now() - sinceSeconds * 1000
  const limitBytes = whole('limitBytes')
  const stream = query.get('stream') ?? 'All'
  if (stream !== 'All' && stream !== 'Stdout' && stream !== 'Stderr') {
    throw new HttpError(422, `{"message": "invalid stream type ${stream}"}`)
  }
  return {
    previous: flag('previous'),
    options: {
      follow: flag('follow'),
      timestamps: flag('timestamps'),
      stream,
      ...(tailLines !== undefined && { tailLines }),
      ...(sinceMs !== undefined && { sinceMs }),
      ...(limitBytes !== undefined && { limitBytes }),
    },
  }
}
