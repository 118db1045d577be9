import { genericServerResponse } from './generic-server-response.ts'
import type { Status } from './meta.ts'
import { fromStatus } from './status-errors.ts'
import type { StatusError } from './status.ts'

/** The error of a response that is not 2xx: the Status in its body, or one made from its code and text. */
export function responseError(code: number, body: string, method: string): StatusError {
  const status = parseStatus(body)
  if (status) return fromStatus(status, code)
  return genericServerResponse({ code, verb: method, message: body.trim().slice(0, 2048) })
}

function parseStatus(body: string): Status | undefined {
  if (!body.startsWith('{')) return undefined
  try {
    const parsed = JSON.parse(body) as Status
    return parsed.kind === 'Status' ? parsed : undefined
  } catch {
    return undefined // a proxy's page, not the API server's answer: responseError() hands its text on
  }
}
