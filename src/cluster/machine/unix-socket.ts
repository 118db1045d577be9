import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/** Whether somebody listens there. */
export function isListening(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** Resolves with true when somebody listens, with false when `isHopeless` says so or the time is over. */
export async function untilListening(
  socketPath: string,
  withinMs: number,
  isHopeless: () => boolean = () => false,
): Promise<boolean> {
  const deadline = performance.now() + withinMs
  while (!(await isListening(socketPath))) {
    if (performance.now() > deadline || isHopeless()) return false
    await delay(10)
  }
  return true
}
