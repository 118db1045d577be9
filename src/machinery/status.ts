import type { Status, StatusDetails } from './meta.ts'

/**
 * Makes an error that says all by its message: where it came from is not kept, which costs more than everything else
 * about refusing a request.
 */
export function withoutStack<T extends Error>(make: () => T): T {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = limit
  }
}

/** Any failure of the API, as the `Status` object that clients see. */
export class StatusError extends Error {
  readonly status: Status & { readonly code: number; readonly reason: string; readonly message: string }

  constructor(code: number, reason: string, message: string, details?: StatusDetails) {
    super(message)
    this.name = 'StatusError'
    this.status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      ...(details && { details }),
      code,
    }
  }
}
