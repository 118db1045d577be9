import {
  duplicate,
  forbidden,
  invalid,
  invalidFor,
  notFound,
  notSupported,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { dns1123LabelErrors, portNameErrors, portNumberErrors } from '../../../machinery/validation/names.ts'
import type { Container, ContainerPort, EphemeralContainer, PodSpec } from '../../generated/core.v1.ts'
import { validateResizePolicy, validateRestart } from './container-restart-validation.ts'
import { validateEnv, validateEnvFrom } from './env-validation.ts'
import { validateDevices, validateMounts, type Volumes } from './mount-validation.ts'
import { validateLifecycle, validateProbe } from './probe-validation.ts'
import { validateResources } from './resources-validation.ts'
import { validateSecurityContext } from './security-context-validation.ts'

const pullPolicies = ['Always', 'IfNotPresent', 'Never']
const messagePolicies = ['File', 'FallbackToLogsOnError']
const protocols = ['SCTP', 'TCP', 'UDP']

/** Source: validateContainers. */
export function validateContainers(spec: PodSpec, volumes: Volumes, field: FieldPath): FieldError[] {
  const list = field.child('containers')
  if ((spec.containers ?? []).length === 0) return [required(list)]
  const names = new Set<string>()
  const errors = spec.containers.flatMap((container, index) => {
    const at = list.index(index)
    const own = validateContainer(container, spec, volumes, at)
    if (names.has(container.name)) own.push(duplicate(at.child('name'), container.name))
    names.add(container.name)
    return [...own, ...runningErrors(container, spec, at)]
  })
  return [...errors, ...hostPortErrors(spec.containers, list)]
}

/** What an init container that ends may not have. */
const notUntilEnd = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const

/** Source: validateInitContainers. */
export function validateInitContainers(spec: PodSpec, volumes: Volumes, field: FieldPath): FieldError[] {
  const list = field.child('initContainers')
  const names = new Set(spec.containers.map(({ name }) => name))
  return (spec.initContainers ?? []).flatMap((container, index) => {
    const at = list.index(index)
    const errors = validateContainer(container, spec, volumes, at)
    if (names.has(container.name)) errors.push(duplicate(at.child('name'), container.name))
    if (container.name) names.add(container.name)
    // They run one after another, so that each may have the same ports.
    errors.push(...hostPortErrors([container], list))
    if (container.restartPolicy === 'Always') return [...errors, ...runningErrors(container, spec, at)]
    const detail = 'may not be set for init containers without restartPolicy=Always'
    const surplus = notUntilEnd.filter((name) => container[name])
    return [...errors, ...surplus.map((name) => forbidden(at.child(name), detail))]
  })
}

/** What an ephemeral container may not have: it is added to a pod whose resources and ports are settled. */
const notEphemeral = [
  'ports',
  'resources',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
] as const

/** Source: validateEphemeralContainers. */
export function validateEphemeralContainers(spec: PodSpec, volumes: Volumes, field: FieldPath): FieldError[] {
  const list = field.child('ephemeralContainers')
  const others = new Set([...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name))
  const names = new Set(others)
  return (spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const at = list.index(index)
    const errors = [...validateContainer(container, spec, volumes, at), ...validateImageText(container, at)]
    if (names.has(container.name)) errors.push(duplicate(at.child('name'), container.name))
    names.add(container.name)
    const { targetContainerName: target, volumeMounts = [] } = container
    if (target && !others.has(target)) errors.push(notFound(at.child('targetContainerName'), target))
    const message = 'cannot be set for an Ephemeral Container'
    for (const name of notEphemeral)
      if (isSet(container[name])) errors.push(forbidden(at.child(name), message))
    for (const [mount, { subPath, subPathExpr }] of volumeMounts.entries()) {
      const mountAt = at.child('volumeMounts').index(mount)
      if (subPath) errors.push(forbidden(mountAt.child('subPath'), message))
      if (subPathExpr) errors.push(forbidden(mountAt.child('subPathExpr'), message))
    }
    return errors
  })
}

/** `resources: {}` says nothing. */
function isSet(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : value !== undefined
}

/** Only pods are refused such an image: templates of old may have one. Source: validateContainerOnlyForPod. */
export function validateImageText(
  { image = '' }: Container | EphemeralContainer,
  at: FieldPath,
): FieldError[] {
  const detail = 'must not have leading or trailing whitespace'
  return image === image.trim() ? [] : [invalid(at.child('image'), image, detail)]
}

/** What containers of every kind have in common. Source: validateContainerCommon. */
function validateContainer(
  container: Container | EphemeralContainer,
  spec: PodSpec,
  volumes: Volumes,
  field: FieldPath,
): FieldError[] {
  const { name, image, terminationMessagePolicy: messagePolicy } = container
  const errors: FieldError[] = name
    ? invalidFor(field.child('name'), name, dns1123LabelErrors(name))
    : [required(field.child('name'))]
  if (!image) errors.push(required(field.child('image')))
  const messageAt = field.child('terminationMessagePolicy')
  if (!messagePolicy) errors.push(required(messageAt))
  else if (!messagePolicies.includes(messagePolicy))
    errors.push(notSupported(messageAt, messagePolicy, messagePolicies))
  const claimNames = new Set((spec.resourceClaims ?? []).map((claim) => claim.name).filter(Boolean))
  return [
    ...errors,
    ...portsErrors(container.ports ?? [], field.child('ports')),
    ...validateEnv(container.env ?? [], field.child('env')),
    ...validateEnvFrom(container.envFrom ?? [], field.child('envFrom')),
    ...validateMounts(container, volumes, field.child('volumeMounts')),
    ...validateDevices(container, volumes, field.child('volumeDevices')),
    ...validatePullPolicy(container.imagePullPolicy, field.child('imagePullPolicy')),
    ...validateResources(container.resources ?? {}, field.child('resources'), { claimNames }),
    ...validateResizePolicy(container, spec, field.child('resizePolicy')),
    ...validateSecurityContext(container.securityContext, spec, field.child('securityContext')),
    ...validateRestart(container, field),
  ]
}

export function validatePullPolicy(policy: string | undefined, at: FieldPath): FieldError[] {
  if (!policy) return [required(at)]
  return pullPolicies.includes(policy) ? [] : [notSupported(at, policy, pullPolicies)]
}

/** Probes and hooks, of containers that run beside one another. */
function runningErrors(container: Container, spec: PodSpec, field: FieldPath): FieldError[] {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container
  return [
    ...validateLifecycle(lifecycle, spec.terminationGracePeriodSeconds, field.child('lifecycle')),
    ...validateProbe(livenessProbe, 'liveness', field.child('livenessProbe')),
    ...validateProbe(readinessProbe, 'readiness', field.child('readinessProbe')),
    ...validateProbe(startupProbe, 'startup', field.child('startupProbe')),
  ]
}

function portsErrors(ports: readonly ContainerPort[], field: FieldPath): FieldError[] {
  const names = new Set<string>()
  return ports.flatMap(({ name, containerPort, hostPort, protocol }, index) => {
    const at = field.index(index)
    const errors: FieldError[] = []
    if (name) {
      const malformed = portNameErrors(name)
      errors.push(...invalidFor(at.child('name'), name, malformed))
      if (malformed.length === 0 && names.has(name)) errors.push(duplicate(at.child('name'), name))
      if (malformed.length === 0) names.add(name)
    }
    const portAt = at.child('containerPort')
    if (!containerPort) errors.push(required(portAt))
    else errors.push(...invalidFor(portAt, containerPort, portNumberErrors(containerPort)))
    if (hostPort) errors.push(...invalidFor(at.child('hostPort'), hostPort, portNumberErrors(hostPort)))
    if (!protocol) errors.push(required(at.child('protocol')))
    else if (!protocols.includes(protocol))
      errors.push(notSupported(at.child('protocol'), protocol, protocols))
    return errors
  })
}

/** Containers that run together cannot have the same port of the host. Source: AccumulateUniqueHostPorts. */
function hostPortErrors(containers: readonly Container[], list: FieldPath): FieldError[] {
  const taken = new Set<string>()
  return containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ hostPort, hostIP = '', protocol }, port) => {
      if (!hostPort) return []
      const key = `${protocol}/${hostIP}/${hostPort}`
      const isTaken = taken.has(key)
      taken.add(key)
      const at = list.index(container).child('ports').index(port).child('hostPort')
      return isTaken ? [duplicate(at, key)] : []
    }),
  )
}
