import type { StatusError } from '../../machinery/status.ts'
import { forbidden, notFound } from '../../machinery/status-errors.ts'
import type { AdmissionRequest } from './plugin.ts'

/** 403 of an admission plugin: `pods "x" is forbidden: detail`. Source: k8s.io/apiserver/pkg/admission/errors.go. */
export function refused(request: AdmissionRequest, detail: string): StatusError {
  return forbidden(request.resource, nameFor(request), detail)
}

/** 404 about the object of the request itself. */
export function missing(request: AdmissionRequest): StatusError {
  return notFound(request.resource, nameFor(request))
}

function nameFor({ name, object }: AdmissionRequest): string {
  return name || object?.metadata?.name || object?.metadata?.generateName || 'Unknown'
}
