import { readFileSync } from 'node:fs'
import { secrets } from '../../api/generated/resources.ts'
import { createHttpClient } from '../../client/http/http-client.ts'
import { loadKubeconfig } from '../../client/kubeconfig.ts'
import { systemClock } from '../../machinery/clock.ts'
import { formatTime } from '../../machinery/time.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { bootstrapTokenSecret, formatJoinToken, newBootstrapToken } from './join-token.ts'

const defaultHours = 24

/** Makes a token that machines may join with for a while, and prints it. */
export async function createToken(input: CommandInput): Promise<ExitCode> {
  const file = input.text('kubeconfig')
  const { connection } = await loadKubeconfig(file === undefined ? {} : { paths: [file] })
  const { caData, caFile } = connection
  if (caData === undefined && caFile === undefined) {
    throw new CliError('the kubeconfig does not tell the authority of the cluster')
  }
  const authorityPem = caData ?? readFileSync(caFile!, 'utf8')
  const token = newBootstrapToken()
  const hours = input.number('hours', 1) ?? defaultHours
  const client = createHttpClient({ ...connection, maxSessions: 1 })
  try {
    const expiration = formatTime(systemClock.now() + hours * 3_600_000)
    await client.create(secrets, bootstrapTokenSecret(token, expiration))
  } finally {
    client.close()
  }
  process.stdout.write(`${formatJoinToken(token, authorityPem)}\n`)
  return exitCodes.done
}
