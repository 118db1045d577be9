import { connect } from 'node:net'
import type { TCPSocketAction } from '../../api/generated/core.v1.ts'
import type { AnyContainer } from '../pods/pod.ts'
import { dialError } from './dial-error.ts'
import { joinHostPort, resolvePort } from './port.ts'
import { failed, succeeded, type ProbeOutcome } from './probe-outcome.ts'

/** A connection that opens is success. */
export function probeTcp(
  action: TCPSocketAction,
  container: AnyContainer,
  podIP: string,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const host = action.host || podIP
  const port = resolvePort(action.port, container)
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal: AbortSignal.timeout(timeoutMs) })
    socket.once('connect', () => {
      socket.destroy()
      resolve(succeeded())
    })
    socket.once('error', (error) => {
      const timedOut = error.name === 'AbortError' || error.name === 'TimeoutError'
      resolve(
        failed(timedOut ? `dial tcp ${joinHostPort(host, port)}: i/o timeout` : dialError(error, host, port)),
      )
    })
  })
}
