import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import type { ControlAnswers, ControlRequest } from './control-protocol.ts'

export type ControlHandlers = {
  readonly [Type in ControlRequest['type']]: (
    request: Extract<ControlRequest, { type: Type }>,
  ) => Promise<ControlAnswers[Type]>
}

export interface ControlServer {
  close(): Promise<void>
}

/** Takes requests at the socket until closed. Requests that change something are carried out one after the other. */
export async function startControlServer(
  socketPath: string,
  handlers: ControlHandlers,
): Promise<ControlServer> {
  let last: Promise<unknown> = Promise.resolve()
  const handle = (request: ControlRequest): Promise<unknown> => {
    const handler = handlers[request.type] as ((request: ControlRequest) => Promise<unknown>) | undefined
    if (!handler) throw new CliError(`the running cluster does not know '${request.type}'`)
    if (request.type === 'status') return handler(request)
    const turn = last.then(() => handler(request))
    last = turn.catch(() => {})
    return turn
  }
  const server = createServer((incoming, outgoing) => void serve(incoming, outgoing, handle))
  rmSync(socketPath, { force: true })
  server.listen(socketPath)
  await once(server, 'listening')
  chmodSync(socketPath, 0o600)
  return {
    async close() {
      server.close()
      server.closeAllConnections()
      await last
    },
  }
}

async function serve(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: (request: ControlRequest) => Promise<unknown>,
): Promise<void> {
  const answer = (status: number, body: unknown) => {
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  try {
    const chunks: Uint8Array[] = []
    for await (const chunk of incoming) chunks.push(chunk as Uint8Array)
    const result = await handle(JSON.parse(Buffer.concat(chunks).toString()) as ControlRequest)
    answer(200, result)
  } catch (error) {
    const exitCode = error instanceof CliError ? error.exitCode : exitCodes.failed
    answer(500, { message: (error as Error).message, exitCode })
  }
}
