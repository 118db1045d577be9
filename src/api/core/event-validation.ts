import { invalid, path, required, type FieldError } from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors, qualifiedNameErrors } from '../../machinery/validation/names.ts'
import type { Event } from '../generated/core.v1.ts'

const maxInstanceLength = 128
const maxActionLength = 128
const maxReasonLength = 128
const maxMessageLength = 1024
const eventTypes = ['Normal', 'Warning']

/** What holds for events however they are written. Source: kubernetes/pkg/apis/core/validation/events.go. */
export function validateEvent(event: Event): FieldError[] {
  const { metadata } = event
  const namespace = metadata?.namespace ?? ''
  return [
    ...(event.eventTime ? newEventErrors(event) : namespaceErrors(event, namespaceOf(event) || 'default')),
    ...dns1123SubdomainErrors(namespace).map((message) => invalid(path('namespace'), namespace, message)),
  ]
}

function namespaceOf({ involvedObject }: Event): string {
  return involvedObject.namespace ?? ''
}

function namespaceErrors(event: Event, ...allowed: readonly string[]): FieldError[] {
  if (allowed.includes(event.metadata?.namespace ?? '')) return []
  return [invalid(path('involvedObject', 'namespace'), namespaceOf(event), 'does not match event.namespace')]
}

/** With the time of the event all else that events.k8s.io brought must be there too. */
function newEventErrors(event: Event): FieldError[] {
  const { reportingComponent: controller = '', reportingInstance = '', action = '', reason = '' } = event
  // Those about cluster-scoped objects have no namespace to agree with.
  const errors = namespaceOf(event) === '' ? namespaceErrors(event, 'default', 'kube-system') : []
  const field = path('reportingController')
  if (!controller) errors.push(required(field))
  return [
    ...errors,
    ...qualifiedNameErrors(controller).map((message) => invalid(field, controller, message)),
    ...textErrors('reportingInstance', reportingInstance, maxInstanceLength),
    ...textErrors('action', action, maxActionLength),
    ...textErrors('reason', reason, maxReasonLength),
    ...lengthErrors('message', event.message ?? '', maxMessageLength),
  ]
}

function textErrors(name: string, text: string, maxLength: number): FieldError[] {
  return text ? lengthErrors(name, text, maxLength) : [required(path(name))]
}

function lengthErrors(name: string, text: string, maxLength: number): FieldError[] {
  const detail = `can have at most ${maxLength} characters`
  return Buffer.byteLength(text) > maxLength ? [invalid(path(name), '', detail)] : []
}

/**
 * What only those who create events through events.k8s.io/v1 must heed. Changes are as free there as in the old API: upstream
 * means to keep all but the series, but compares the new event with itself, and the conformance programme changes a note.
 */
export function validateNewEventV1(event: Event): FieldError[] {
  const { metadata, eventTime, type = '', source } = event
  const { name = '' } = metadata ?? {}
  const unset = (field: string, isSet: boolean) =>
    isSet ? [invalid(path(field), '', 'needs to be unset')] : []
  return [
    ...dns1123SubdomainErrors(name).map((message) => invalid(path('metadata', 'name'), name, message)),
    ...seriesErrors(event),
    ...(eventTime ? [] : [required(path('eventTime'))]),
    ...(eventTypes.includes(type) ? [] : [invalid(path('type'), '', `has invalid value: ${type}`)]),
    ...unset('firstTimestamp', Boolean(event.firstTimestamp)),
    ...unset('lastTimestamp', Boolean(event.lastTimestamp)),
    ...unset('count', Boolean(event.count)),
    ...unset('source', Boolean(source?.component ?? source?.host)),
  ]
}

function seriesErrors({ series }: Event): FieldError[] {
  if (!series) return []
  return [
    ...((series.count ?? 0) < 2 ? [invalid(path('series', 'count'), '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [required(path('series', 'lastObservedTime'))]),
  ]
}
