import {
  forbidden,
  invalid,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import {
  httpHeaderNameErrors,
  portNameErrors,
  portNumberErrors,
} from '../../../machinery/validation/names.ts'
import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Probe,
  SleepAction,
  TCPSocketAction,
} from '../../generated/core.v1.ts'

interface Handler {
  readonly exec?: ExecAction
  readonly httpGet?: HTTPGetAction
  readonly tcpSocket?: TCPSocketAction
  readonly grpc?: GRPCAction
  readonly sleep?: SleepAction
}

/** `mustSucceedOnce`: liveness and startup probes take no other success threshold. */
export function validateProbe(
  probe: Probe | undefined,
  field: FieldPath,
  mustSucceedOnce: boolean,
): FieldError[] {
  if (!probe) return []
  const errors = validateHandler(probe, field)
  for (const name of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const) {
    const value = probe[name]
    if (value !== undefined && value < 0)
      errors.push(invalid(field.child(name), value, 'must be greater than or equal to 0'))
  }
  if (mustSucceedOnce && probe.successThreshold !== 1) {
    errors.push(invalid(field.child('successThreshold'), probe.successThreshold ?? 0, 'must be 1'))
  }
  const grace = probe.terminationGracePeriodSeconds
  if (grace !== undefined && grace <= 0) {
    errors.push(invalid(field.child('terminationGracePeriodSeconds'), grace, 'must be greater than 0'))
  }
  return errors
}

export function validateLifecycle(
  lifecycle: Lifecycle | undefined,
  graceSeconds: number,
  field: FieldPath,
): FieldError[] {
  const check = (name: 'postStart' | 'preStop') => {
    const handler: LifecycleHandler | undefined = lifecycle?.[name]
    return handler
      ? [
          ...validateHandler(handler, field.child(name)),
          ...sleepErrors(handler, graceSeconds, field.child(name)),
        ]
      : []
  }
  return [...check('postStart'), ...check('preStop')]
}

function sleepErrors({ sleep }: LifecycleHandler, graceSeconds: number, field: FieldPath): FieldError[] {
  if (!sleep || (sleep.seconds >= 0 && sleep.seconds <= graceSeconds)) return []
  const message = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`
  return [invalid(field.child('sleep'), sleep.seconds, message)]
}

function validateHandler(handler: Handler, field: FieldPath): FieldError[] {
  const names = (['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const).filter(
    (name) => handler[name] !== undefined,
  )
  if (names.length === 0) return [required(field, 'must specify a handler type')]
  const errors = names
    .slice(1)
    .map((name) => forbidden(field.child(name), 'may not specify more than 1 handler type'))
  const { exec, httpGet, tcpSocket, grpc } = handler
  if (exec && (exec.command ?? []).length === 0) errors.push(required(field.child('exec').child('command')))
  if (httpGet) errors.push(...httpGetErrors(httpGet, field.child('httpGet')))
  if (tcpSocket) errors.push(...portErrors(tcpSocket.port, field.child('tcpSocket').child('port')))
  if (grpc) errors.push(...portErrors(grpc.port, field.child('grpc').child('port')))
  return errors
}

function httpGetErrors(
  { path: urlPath, port, scheme, httpHeaders = [] }: HTTPGetAction,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (!urlPath) errors.push(required(field.child('path')))
  errors.push(...portErrors(port, field.child('port')))
  if (scheme && scheme !== 'HTTP' && scheme !== 'HTTPS')
    errors.push(notSupported(field.child('scheme'), scheme, ['HTTP', 'HTTPS']))
  for (const [index, { name }] of httpHeaders.entries()) {
    const at = field.child('httpHeaders').index(index).child('name')
    errors.push(...httpHeaderNameErrors(name).map((message) => invalid(at, name, message)))
  }
  return errors
}

function portErrors(port: number | string, field: FieldPath): FieldError[] {
  const messages = typeof port === 'number' ? portNumberErrors(port) : portNameErrors(port)
  return messages.map((message) => invalid(field, port, message))
}
