import {
  forbidden,
  invalid,
  invalidFor,
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
import { validateNonnegative } from '../../../machinery/validation/object-meta.ts'
import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  Lifecycle,
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

const counts = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const

/** Source: validateProbe, and what each kind of probe has beside it. */
export function validateProbe(
  probe: Probe | undefined,
  kind: 'liveness' | 'readiness' | 'startup',
  field: FieldPath,
): FieldError[] {
  if (!probe) return []
  const errors = validateHandler(probe, undefined, field)
  for (const name of counts) errors.push(...validateNonnegative(probe[name] ?? 0, field.child(name)))
  const { terminationGracePeriodSeconds: grace, successThreshold = 0 } = probe
  const graceAt = field.child('terminationGracePeriodSeconds')
  if (grace !== undefined && grace <= 0) errors.push(invalid(graceAt, grace, 'must be greater than 0'))
  if (kind === 'readiness') {
    if (grace !== undefined) errors.push(invalid(graceAt, grace, 'must not be set for readinessProbes'))
  } else if (successThreshold !== 1)
    errors.push(invalid(field.child('successThreshold'), successThreshold, 'must be 1'))
  return errors
}

/** `graceSeconds`: how long the pod has to end; undefined where that is itself wrong. */
export function validateLifecycle(
  lifecycle: Lifecycle | undefined,
  graceSeconds: number | undefined,
  field: FieldPath,
): FieldError[] {
  return (['postStart', 'preStop'] as const).flatMap((name) => {
    const handler = lifecycle?.[name]
    return handler ? validateHandler(handler, graceSeconds, field.child(name)) : []
  })
}

/** Only the first handler counts; the others may not be. Source: validateHandler. */
function validateHandler(handler: Handler, graceSeconds: number | undefined, field: FieldPath): FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler
  const checks: (readonly [name: string, check: (at: FieldPath) => FieldError[]])[] = []
  if (exec) checks.push(['exec', (at) => (exec.command?.length ? [] : [required(at.child('command'))])])
  if (httpGet) checks.push(['httpGet', (at) => httpGetErrors(httpGet, at)])
  if (tcpSocket) checks.push(['tcpSocket', (at) => validatePort(tcpSocket.port, at.child('port'))])
  if (grpc) checks.push(['grpc', (at) => validatePort(grpc.port, at.child('port'))])
  if (sleep) checks.push(['sleep', (at) => sleepErrors(sleep, graceSeconds, at)])
  const [first, ...others] = checks
  if (!first) return [required(field, 'must specify a handler type')]
  const surplus = 'may not specify more than 1 handler type'
  return [
    ...first[1](field.child(first[0])),
    ...others.map(([name]) => forbidden(field.child(name), surplus)),
  ]
}

function sleepErrors(
  { seconds }: SleepAction,
  graceSeconds: number | undefined,
  at: FieldPath,
): FieldError[] {
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return []
  const detail = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`
  return [invalid(at, seconds, detail)]
}

function httpGetErrors(
  { path, port, scheme, httpHeaders = [] }: HTTPGetAction,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = path ? [] : [required(field.child('path'))]
  errors.push(...validatePort(port, field.child('port')))
  if (scheme !== 'HTTP' && scheme !== 'HTTPS')
    errors.push(notSupported(field.child('scheme'), scheme ?? '', ['HTTP', 'HTTPS']))
  for (const { name = '' } of httpHeaders)
    errors.push(...invalidFor(field.child('httpHeaders'), name, httpHeaderNameErrors(name)))
  return errors
}

/** A port by its number or its name. Source: ValidatePortNumOrName. */
export function validatePort(port: number | string = 0, at: FieldPath): FieldError[] {
  return invalidFor(at, port, typeof port === 'number' ? portNumberErrors(port) : portNameErrors(port))
}
