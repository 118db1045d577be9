import { request, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { decodeRemoteCommandResult, encodeTerminalSize } from '../../../machinery/streaming/remote-command.ts'
import { SpdyConnection, type SpdyStream } from '../../../machinery/streaming/spdy.ts'
import { RuntimeError } from '../runtime-error.ts'
import type { AttachOptions, ByteChannel, ContainerRuntime, ExecSession } from '../runtime.ts'
import type { CriConnection } from './cri-connection.ts'
import { RuntimeService } from './generated/api_pb.ts'
import { feedSpdy, sendSpdy } from '../spdy-socket.ts'

const execProtocol = 'v4.channel.k8s.io'
const portForwardProtocol = 'portforward.k8s.io'

/**
 * exec, attach and port-forward: the runtime answers with a URL of its own streaming server, which is spoken to over
 * SPDY/3.1, where stdin can be half-closed. One connection each.
 */
export function criStreaming(
  connection: CriConnection,
): Pick<ContainerRuntime, 'exec' | 'attach' | 'portForward'> {
  const rpc = RuntimeService.method
  return {
    async exec(containerId, { command, stdin, stdout, stderr, tty }) {
      const { url } = await connection.call(rpc.exec, {
        containerId,
        cmd: [...command],
        tty,
        stdin,
        stdout,
        stderr: stderr && !tty,
      })
      return await openSession(url, { stdin, stdout, stderr, tty })
    },
    async attach(containerId, { stdin, stdout, stderr, tty }) {
      const { url } = await connection.call(rpc.attach, {
        containerId,
        tty,
        stdin,
        stdout,
        stderr: stderr && !tty,
      })
      return await openSession(url, { stdin, stdout, stderr, tty })
    },
    async portForward(podSandboxId, port) {
      const { url } = await connection.call(rpc.portForward, { podSandboxId, port: [port] })
      return await openPort(url, port)
    },
  }
}

async function openSession(url: string, options: AttachOptions): Promise<ExecSession> {
  const { spdy, close } = await dial(url, execProtocol)
  const open = (streamType: string) => spdy.openStream({ streamType })
  const errors = open('error')
  const stdin = options.stdin ? open('stdin') : undefined
  const stdout = options.stdout ? open('stdout') : undefined
  const stderr = options.stderr && !options.tty ? open('stderr') : undefined
  const sizes = options.tty ? open('resize') : undefined
  // What has no use here would hold up the others.
  stdin?.discard()
  sizes?.discard()
  return {
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    resize(columns, rows) {
      const size = encodeTerminalSize({ width: columns, height: rows })
      // A command that has ended has no terminal any more.
      sizes?.write(Buffer.from(size)).catch(() => undefined)
    },
    exit: exitOf(errors).finally(() => void outputsEnded([stdout, stderr]).then(close)),
    close,
  }
}

/** Whoever passes the error on wraps it in these words again. */
const internalErrorPrefix = /^Internal error occurred: /

/** The error stream says at its end how the command ended: nothing or a Status. */
async function exitOf(errors: SpdyStream): Promise<{ readonly exitCode: number }> {
  const chunks: Uint8Array[] = []
  for await (const chunk of errors) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  if (text === '') {
    if ((await errors.outcome) === 'lost') throw new RuntimeError('unavailable', 'the connection was lost')
    return { exitCode: 0 }
  }
  const result = decodeRemoteCommandResult(text)
  switch (result.type) {
    case 'success':
      return { exitCode: 0 }
    case 'exit':
      return { exitCode: result.exitCode }
    case 'error':
      throw new RuntimeError('unknown', result.message.replace(internalErrorPrefix, ''))
  }
}

async function outputsEnded(streams: readonly (SpdyStream | undefined)[]): Promise<void> {
  await Promise.all(streams.flatMap((stream) => stream?.outcome ?? []))
}

/** What the kubelet says itself, of the pod instead of the sandbox. */
const runtimePrefix = /^error forwarding port \d+ to pod \S+, uid \S*: /

async function openPort(url: string, port: number): Promise<ByteChannel> {
  const { spdy, close } = await dial(url, portForwardProtocol)
  const headers = { port: String(port), requestID: '0' }
  const errors = spdy.openStream({ ...headers, streamType: 'error' })
  await errors.end()
  const data = spdy.openStream({ ...headers, streamType: 'data' })
  void data.outcome.then(close)
  const problem = (async () => {
    const chunks: Uint8Array[] = []
    for await (const chunk of errors) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    return text === '' ? undefined : new RuntimeError('unknown', text.replace(runtimePrefix, ''))
  })()
  return {
    write: (bytes) => data.write(bytes),
    end: () => data.end(),
    close,
    async *[Symbol.asyncIterator]() {
      yield* data
      const error = await problem
      if (error) throw error
    },
  }
}

interface Dialled {
  readonly spdy: SpdyConnection
  close(): void
}

/** Upgrades an HTTP connection to the runtime's streaming server to SPDY/3.1. */
async function dial(url: string, protocol: string): Promise<Dialled> {
  const { socket, head } = await upgrade(url, protocol)
  const spdy = new SpdyConnection({
    role: 'client',
    send: (bytes) => sendSpdy(socket, bytes),
    onClose: () => socket.end(),
  })
  feedSpdy(spdy, socket, head)
  return {
    spdy,
    close() {
      spdy.close()
      socket.end()
    },
  }
}

function upgrade(url: string, protocol: string): Promise<{ socket: Duplex; head: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'SPDY/3.1',
        'x-stream-protocol-version': protocol,
      },
    })
    sent.on('upgrade', (_response, socket, head) => resolve({ socket, head }))
    sent.on('response', (response) => {
      void refusal(response).then(reject)
    })
    sent.on('error', (error) => reject(new RuntimeError('unavailable', error.message, { cause: error })))
    sent.end()
  })
}

async function refusal(response: IncomingMessage): Promise<RuntimeError> {
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return new RuntimeError(
    'unknown',
    `the streaming server answered ${response.statusCode}: ${Buffer.concat(chunks).toString()}`,
  )
}
