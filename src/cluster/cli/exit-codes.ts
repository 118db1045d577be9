/** What the command ends with, for scripts. */
export const exitCodes = {
  done: 0,
  /** Something went wrong; the message says what. */
  failed: 1,
  /** The command line is not understood. */
  usage: 2,
  /** There is no cluster, or no node, of that name. */
  notFound: 3,
  /** The cluster is there but does not run. */
  notRunning: 4,
  /** The cluster runs but was not ready in the time that --wait gave it. */
  timeout: 5,
  /** The user said no, or interrupted. */
  cancelled: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

export const exitCodeMeanings: readonly (readonly [ExitCode, string])[] = [
  [exitCodes.done, 'done'],
  [exitCodes.failed, 'something went wrong; the message says what'],
  [exitCodes.usage, 'the command line is not understood'],
  [exitCodes.notFound, 'there is no cluster, or no node, of that name'],
  [exitCodes.notRunning, 'the cluster does not run'],
  [exitCodes.timeout, 'not ready in the time that --wait gave'],
  [exitCodes.cancelled, 'cancelled'],
]
