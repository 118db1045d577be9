export type RuntimeErrorReason =
  | 'notFound'
  | 'alreadyExists'
  | 'invalidArgument'
  | 'deadlineExceeded'
  | 'unavailable'
  | 'unimplemented'
  | 'failedPrecondition'
  | 'unknown'

/** gRPC's names of the codes, as Go prints them: users know `rpc error: code = NotFound desc = ...`. */
const codeNames: Readonly<Record<RuntimeErrorReason, string>> = {
  notFound: 'NotFound',
  alreadyExists: 'AlreadyExists',
  invalidArgument: 'InvalidArgument',
  deadlineExceeded: 'DeadlineExceeded',
  unavailable: 'Unavailable',
  unimplemented: 'Unimplemented',
  failedPrecondition: 'FailedPrecondition',
  unknown: 'Unknown',
}

/** Any failure of a container runtime. `description` is the runtime's own words, `message` how upstream shows it. */
export class RuntimeError extends Error {
  readonly reason: RuntimeErrorReason
  readonly description: string

  constructor(reason: RuntimeErrorReason, description: string, options?: ErrorOptions) {
    super(`rpc error: code = ${codeNames[reason]} desc = ${description}`, options)
    this.name = 'RuntimeError'
    this.reason = reason
    this.description = description
  }
}

export function isRuntimeError(error: unknown, reason?: RuntimeErrorReason): error is RuntimeError {
  return error instanceof RuntimeError && (reason === undefined || error.reason === reason)
}

/** The runtime does not know the sandbox, container or image: for callers to whom gone is as good as done. */
export function isNotFound(error: unknown): boolean {
  return isRuntimeError(error, 'notFound')
}
