import type { Failure } from '../pods/status/pod-status.ts'

/** Why pods do not come to a node that goes down. */
export const shutdownRefusal: Failure = {
  reason: 'NodeShutdown',
  message: 'Pod was rejected: Pod was rejected as the node is shutting down.',
  isRejection: true,
}
