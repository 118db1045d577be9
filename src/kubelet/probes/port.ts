import type { IntOrString } from '../../machinery/meta.ts'
import type { AnyContainer } from '../pods/pod.ts'

/** The number of a port given as number, digits, or name of one of the container's ports. Throws upstream's words. */
export function resolvePort(port: IntOrString, container: AnyContainer): number {
  const number =
    typeof port === 'number'
      ? port
      : (container.ports?.find(({ name }) => name === port)?.containerPort ?? digits(port))
  if (number === undefined) throw new Error(`couldn't find port: ${JSON.stringify(port)}`)
  if (number <= 0 || number >= 65536) throw new Error(`invalid port number: ${number}`)
  return number
}

function digits(port: string): number | undefined {
  return /^\d+$/.test(port) ? Number(port) : undefined
}

/** `10.0.0.1:80`, `[::1]:80`. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
