import { joinHostPort } from './port.ts'

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ECONNRESET: 'read: connection reset by peer',
  ETIMEDOUT: 'i/o timeout',
}

/** A failed connection in the words users know from Go: `dial tcp 10.0.0.1:80: connect: connection refused`. */
export function dialError(error: unknown, host: string, port: number): string {
  const code = (error as { code?: unknown } | null)?.code
  const known = typeof code === 'string' ? words[code] : undefined
  if (known === undefined) return error instanceof Error ? error.message : String(error)
  return known.startsWith('read') ? known : `dial tcp ${joinHostPort(host, port)}: ${known}`
}
