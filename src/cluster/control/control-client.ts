import { request } from 'node:http'
import { CliError } from '../cli/cli-error.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import type { ControlAnswers, ControlRequest } from './control-protocol.ts'

/** The answer of the server at the socket; undefined when none runs. Throws CliError with what it says went wrong. */
export async function askServer<Type extends ControlRequest['type']>(
  socketPath: string,
  question: Extract<ControlRequest, { type: Type }>,
): Promise<ControlAnswers[Type] | undefined> {
  const answer = await post(socketPath, JSON.stringify(question))
  if (!answer) return undefined
  const body: unknown = JSON.parse(answer.body)
  if (answer.status === 200) return body as ControlAnswers[Type]
  const { message, exitCode } = body as { readonly message: string; readonly exitCode: ExitCode }
  throw new CliError(message, exitCode)
}

function post(socketPath: string, body: string): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, method: 'POST', path: '/' }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.once('error', reject)
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      )
    })
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined)
      else if (error.code === 'EACCES')
        reject(new CliError('the cluster was started by another user (root?)'))
      else reject(error)
    })
    outgoing.end(body)
  })
}
