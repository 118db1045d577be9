import { execFile } from 'node:child_process'
import { join } from 'node:path'
import type { Clock } from '../../machinery/clock.ts'
import { parseTime } from '../../machinery/time.ts'
import type { TokenSource } from './credentials.ts'

/** A program that prints credentials. Source: k8s.io/client-go/tools/clientcmd/api, ExecConfig. */
export interface ExecConfig {
  readonly apiVersion?: string
  readonly command: string
  readonly args?: readonly string[] | null
  readonly env?: readonly { readonly name: string; readonly value: string }[] | null
  readonly installHint?: string
}

interface ExecCredential {
  readonly status?: {
    readonly expirationTimestamp?: string
    readonly token?: string
    readonly clientCertificateData?: string
  }
}

/** Runs the program on first use and again once its token has expired. */
export function tokenFromExec(exec: ExecConfig, directory: string, clock: Clock): TokenSource {
  let credential: Promise<{ readonly token: string; readonly expiresMs: number }> | undefined
  return async () => {
    const held = await credential?.catch(() => undefined)
    if (held && held.expiresMs > clock.now()) return held.token
    credential = run(exec, directory)
    return (await credential).token
  }
}

async function run(exec: ExecConfig, directory: string) {
  const { apiVersion = 'client.authentication.k8s.io/v1', command, args, env } = exec
  const info = { apiVersion, kind: 'ExecCredential', spec: { interactive: false } }
  const variables = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]))
  const path = command.includes('/') ? join(directory, command) : command
  const output = await new Promise<string>((resolve, reject) => {
    execFile(
      command.startsWith('/') ? command : path,
      [...(args ?? [])],
      { env: { ...process.env, ...variables, KUBERNETES_EXEC_INFO: JSON.stringify(info) } },
      (error, stdout) => {
        if (!error) return resolve(stdout)
        const hint = exec.installHint ? `: ${exec.installHint}` : ''
        reject(new Error(`the credential plugin ${command} failed${hint}`, { cause: error.code }))
      },
    )
  })
  const { status = {} } = parseOutput(output, command)
  if (!status.token)
    throw new Error(`the credential plugin ${command} gave no token; others are not supported`)
  return { token: status.token, expiresMs: parseTime(status.expirationTimestamp) ?? Infinity }
}

/** The parser's own message would quote the output, and with it the secret. */
function parseOutput(output: string, command: string): ExecCredential {
  try {
    return JSON.parse(output) as ExecCredential
  } catch {
    throw new Error(`the credential plugin ${command} did not print JSON`)
  }
}
