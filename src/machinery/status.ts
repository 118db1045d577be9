import type { Status, StatusDetails } from './meta.ts'

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
