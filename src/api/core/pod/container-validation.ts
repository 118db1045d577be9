import {
  duplicate,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
  tooMany,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import {
  dns1123LabelErrors,
  portNameErrors,
  portNumberErrors,
  relaxedEnvVarNameErrors,
} from '../../../machinery/validation/names.ts'
import { validateLocalDescendingPath } from '../../../machinery/validation/paths.ts'
import type {
  Container,
  ContainerPort,
  EnvFromSource,
  EnvVar,
  EphemeralContainer,
  PodSpec,
  ResourceRequirements,
  Volume,
  VolumeMount,
} from '../../generated/core.v1.ts'
import { validateLifecycle, validateProbe } from './probe-validation.ts'
import { validateResources } from './resources-validation.ts'
import { validateSecurityContext } from './security-context-validation.ts'

export type Volumes = ReadonlyMap<string, Volume>

const pullPolicies = ['Always', 'IfNotPresent', 'Never']
const messagePolicies = ['FallbackToLogsOnError', 'File']
const protocols = ['SCTP', 'TCP', 'UDP']

export function validateContainers(spec: PodSpec, volumes: Volumes, field: FieldPath): FieldError[] {
  const list = field.child('containers')
  if ((spec.containers ?? []).length === 0) return [required(list)]
  const names = new Set<string>()
  const errors = spec.containers.flatMap((container, index) => {
    const at = list.index(index)
    return [
      ...nameErrors(container.name, names, at),
      ...validateContainer(container, spec, volumes, at),
      ...runningErrors(container, spec, at),
    ]
  })
  return [...errors, ...hostPortErrors(spec, field)]
}

export function validateInitContainers(spec: PodSpec, volumes: Volumes, field: FieldPath): FieldError[] {
  const list = field.child('initContainers')
  const names = new Set(spec.containers.map(({ name }) => name))
  return (spec.initContainers ?? []).flatMap((container, index) => {
    const at = list.index(index)
    const isSidecar = container.restartPolicy === 'Always'
    const errors = [
      ...nameErrors(container.name, names, at),
      ...validateContainer(container, spec, volumes, at),
    ]
    if (
      container.restartPolicy !== undefined &&
      !['Always', 'Never', 'OnFailure'].includes(container.restartPolicy)
    ) {
      errors.push(
        notSupported(at.child('restartPolicy'), container.restartPolicy, ['Always', 'Never', 'OnFailure']),
      )
    }
    if (isSidecar) return [...errors, ...runningErrors(container, spec, at)]
    for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[name])
        errors.push(
          forbidden(at.child(name), 'may not be set for init containers without restartPolicy=Always'),
        )
    }
    return errors
  })
}

/** What an ephemeral container may not have: it is added to a pod whose resources and ports are settled. */
const notEphemeral = ['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const

export function validateEphemeralContainers(spec: PodSpec, volumes: Volumes, field: FieldPath): FieldError[] {
  const list = field.child('ephemeralContainers')
  const names = new Set([...spec.containers, ...(spec.initContainers ?? [])].map(({ name }) => name))
  return (spec.ephemeralContainers ?? []).flatMap((container, index) => {
    const at = list.index(index)
    const errors = [
      ...nameErrors(container.name, names, at),
      ...validateContainer(container, spec, volumes, at),
    ]
    const { targetContainerName, volumeMounts = [], resources } = container
    const exists = [...spec.containers, ...(spec.initContainers ?? [])].some(
      ({ name }) => name === targetContainerName,
    )
    if (targetContainerName && !exists)
      errors.push(notFound(at.child('targetContainerName'), targetContainerName))
    for (const name of notEphemeral) {
      if (container[name]) errors.push(forbidden(at.child(name), 'cannot be set for an Ephemeral Container'))
    }
    if (resources?.limits || resources?.requests) {
      errors.push(forbidden(at.child('resources'), 'cannot be set for an Ephemeral Container'))
    }
    for (const [mount, { subPath, subPathExpr }] of volumeMounts.entries()) {
      const mountField = at.child('volumeMounts').index(mount)
      const message = 'cannot be set for an Ephemeral Container'
      if (subPath) errors.push(forbidden(mountField.child('subPath'), message))
      if (subPathExpr) errors.push(forbidden(mountField.child('subPathExpr'), message))
    }
    return errors
  })
}

function nameErrors(name: string | undefined, names: Set<string>, field: FieldPath): FieldError[] {
  const at = field.child('name')
  if (!name) return [required(at)]
  if (names.has(name)) return [duplicate(at, name)]
  names.add(name)
  return dns1123LabelErrors(name).map((message) => invalid(at, name, message))
}

function validateContainer(
  container: Container | EphemeralContainer,
  spec: PodSpec,
  volumes: Volumes,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  const {
    image = '',
    imagePullPolicy,
    terminationMessagePolicy,
    ports = [],
    env = [],
    envFrom = [],
    resources,
    securityContext,
  } = container
  if (image === '') errors.push(required(field.child('image')))
  else if (image !== image.trim())
    errors.push(invalid(field.child('image'), image, 'must not have leading or trailing whitespace'))
  if (!imagePullPolicy) errors.push(required(field.child('imagePullPolicy')))
  else if (!pullPolicies.includes(imagePullPolicy))
    errors.push(notSupported(field.child('imagePullPolicy'), imagePullPolicy, pullPolicies))
  if (!terminationMessagePolicy) errors.push(required(field.child('terminationMessagePolicy')))
  else if (!messagePolicies.includes(terminationMessagePolicy)) {
    errors.push(
      notSupported(field.child('terminationMessagePolicy'), terminationMessagePolicy, messagePolicies),
    )
  }
  return [
    ...errors,
    ...portsErrors(ports, spec, field.child('ports')),
    ...env.flatMap((variable, index) => envErrors(variable, field.child('env').index(index))),
    ...envFrom.flatMap((source, index) => envFromErrors(source, field.child('envFrom').index(index))),
    ...mountErrors(container, volumes, field.child('volumeMounts')),
    ...deviceErrors(container, volumes, field.child('volumeDevices')),
    ...(resources ? validateResources(resources, field.child('resources')) : []),
    ...claimErrors(resources?.claims ?? [], spec, field.child('resources', 'claims')),
    ...resizePolicyErrors(container, field.child('resizePolicy')),
    ...restartRuleErrors(container, field),
    ...validateSecurityContext(securityContext, field.child('securityContext')),
  ]
}

/** Probes and hooks, of containers that run beside one another. */
function runningErrors(container: Container, spec: PodSpec, field: FieldPath): FieldError[] {
  const graceSeconds = spec.terminationGracePeriodSeconds ?? 0
  return [
    ...validateLifecycle(container.lifecycle, graceSeconds, field.child('lifecycle')),
    ...validateProbe(container.livenessProbe, field.child('livenessProbe'), true),
    ...validateProbe(container.readinessProbe, field.child('readinessProbe'), false),
    ...validateProbe(container.startupProbe, field.child('startupProbe'), true),
    ...readinessGraceErrors(container, field),
  ]
}

function readinessGraceErrors({ readinessProbe }: Container, field: FieldPath): FieldError[] {
  const grace = readinessProbe?.terminationGracePeriodSeconds
  const at = field.child('readinessProbe').child('terminationGracePeriodSeconds')
  return grace === undefined ? [] : [invalid(at, grace, 'must not be set for readinessProbes')]
}

function portsErrors(ports: readonly ContainerPort[], spec: PodSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const names = new Set<string>()
  for (const [index, { name, containerPort, hostPort, protocol }] of ports.entries()) {
    const at = field.index(index)
    if (name) {
      const malformed = portNameErrors(name).map((message) => invalid(at.child('name'), name, message))
      errors.push(...malformed)
      if (malformed.length === 0 && names.has(name)) errors.push(duplicate(at.child('name'), name))
      names.add(name)
    }
    if (!containerPort) errors.push(required(at.child('containerPort')))
    else
      errors.push(
        ...portNumberErrors(containerPort).map((message) =>
          invalid(at.child('containerPort'), containerPort, message),
        ),
      )
    if (hostPort)
      errors.push(
        ...portNumberErrors(hostPort).map((message) => invalid(at.child('hostPort'), hostPort, message)),
      )
    if (spec.hostNetwork && hostPort !== containerPort) {
      errors.push(
        invalid(at.child('containerPort'), containerPort, 'must match `hostPort` when `hostNetwork` is true'),
      )
    }
    if (!protocol) errors.push(required(at.child('protocol')))
    else if (!protocols.includes(protocol))
      errors.push(notSupported(at.child('protocol'), protocol, protocols))
  }
  return errors
}

/** Two containers of a pod cannot have the same port of the host. */
function hostPortErrors(spec: PodSpec, field: FieldPath): FieldError[] {
  const taken = new Set<string>()
  return spec.containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ hostPort, hostIP = '', protocol }, port) => {
      if (!hostPort) return []
      const key = `${protocol}/${hostIP}/${hostPort}`
      const isTaken = taken.has(key)
      taken.add(key)
      const at = field.child('containers').index(container).child('ports').index(port).child('hostPort')
      return isTaken ? [duplicate(at, key)] : []
    }),
  )
}

function envErrors({ name, value, valueFrom }: EnvVar, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (!name) errors.push(required(field.child('name')))
  else
    errors.push(
      ...relaxedEnvVarNameErrors(name).map((message) => invalid(field.child('name'), name, message)),
    )
  if (!valueFrom) return errors
  const at = field.child('valueFrom')
  const sources = Object.keys(valueFrom)
  if (sources.length === 0) {
    errors.push(
      invalid(
        at,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    )
  } else if (value) {
    errors.push(invalid(at, '', 'may not be specified when `value` is not empty'))
  } else if (sources.length > 1) {
    errors.push(invalid(at, '', 'may not have more than one field specified at a time'))
  }
  for (const source of ['configMapKeyRef', 'secretKeyRef'] as const) {
    const reference = valueFrom[source]
    if (reference && !reference.key) errors.push(required(at.child(source).child('key')))
  }
  for (const name of ['volumeName', 'path', 'key'] as const) {
    if (valueFrom.fileKeyRef && !valueFrom.fileKeyRef[name])
      errors.push(required(at.child('fileKeyRef').child(name)))
  }
  if (valueFrom.fieldRef)
    errors.push(...validateFieldPath(valueFrom.fieldRef.fieldPath, envFieldPaths, at.child('fieldRef')))
  if (valueFrom.resourceFieldRef && !valueFrom.resourceFieldRef.resource)
    errors.push(required(at.child('resourceFieldRef').child('resource')))
  return errors
}

const envFieldPaths = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]

/** A path into the pod, as the downward API knows them: some fields, and single labels and annotations. */
export function validateFieldPath(
  fieldPath: string | undefined,
  supported: readonly string[],
  field: FieldPath,
): FieldError[] {
  if (!fieldPath) return [required(field.child('fieldPath'))]
  if (/^metadata\.(labels|annotations)\['[^']+'\]$/.test(fieldPath)) return []
  if (supported.includes(fieldPath)) return []
  return [notSupported(field.child('fieldPath'), fieldPath, supported)]
}

function envFromErrors({ prefix, configMapRef, secretRef }: EnvFromSource, field: FieldPath): FieldError[] {
  const errors = prefix
    ? relaxedEnvVarNameErrors(prefix).map((message) => invalid(field.child('prefix'), prefix, message))
    : []
  if (configMapRef && secretRef)
    errors.push(invalid(field, '', 'may not have more than one field specified at a time'))
  if (!configMapRef && !secretRef)
    errors.push(invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`'))
  if (configMapRef && !configMapRef.name) errors.push(required(field.child('configMapRef').child('name')))
  if (secretRef && !secretRef.name) errors.push(required(field.child('secretRef').child('name')))
  return errors
}

const propagations = ['Bidirectional', 'HostToContainer', 'None']
const recursions = ['Disabled', 'Enabled', 'IfPossible']

function mountErrors(
  { volumeMounts: mounts = [], securityContext }: Container | EphemeralContainer,
  volumes: Volumes,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  const paths = new Set<string>()
  for (const [index, mount] of mounts.entries()) {
    const { name, mountPath, subPath, subPathExpr, mountPropagation } = mount
    const at = field.index(index)
    if (!name) errors.push(required(at.child('name')))
    else if (!volumes.has(name)) errors.push(notFound(at.child('name'), name))
    if (!mountPath) errors.push(required(at.child('mountPath')))
    else if (paths.has(mountPath)) errors.push(invalid(at.child('mountPath'), mountPath, 'must be unique'))
    paths.add(mountPath)
    if (subPath) errors.push(...validateLocalDescendingPath(at.child('subPath'), subPath))
    if (mountPropagation !== undefined) {
      const propagationAt = at.child('mountPropagation')
      if (!propagations.includes(mountPropagation))
        errors.push(notSupported(propagationAt, mountPropagation, propagations))
      else if (mountPropagation === 'Bidirectional' && !securityContext?.privileged) {
        const detail = 'Bidirectional mount propagation is available only to privileged containers'
        errors.push(forbidden(propagationAt, detail))
      }
    }
    errors.push(...recursionErrors(mount, at.child('recursiveReadOnly')))
    if (!subPathExpr) continue
    if (subPath)
      errors.push(
        invalid(at.child('subPathExpr'), subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      )
    errors.push(...validateLocalDescendingPath(at.child('subPathExpr'), subPathExpr))
  }
  return errors
}

function recursionErrors(mount: VolumeMount, at: FieldPath): FieldError[] {
  const { recursiveReadOnly: recursion, readOnly, mountPropagation } = mount
  if (recursion === undefined || recursion === 'Disabled') return []
  if (!recursions.includes(recursion)) return [notSupported(at, recursion, recursions)]
  const errors: FieldError[] = []
  if (!readOnly) errors.push(forbidden(at, 'may only be specified when readOnly is true'))
  if (mountPropagation !== undefined && mountPropagation !== 'None') {
    const detail = 'may only be specified when mountPropagation is None or not specified'
    errors.push(forbidden(at, detail))
  }
  return errors
}

/** Claims that the pod has, each once. */
function claimErrors(
  claims: NonNullable<ResourceRequirements['claims']>,
  { resourceClaims = [] }: PodSpec,
  field: FieldPath,
): FieldError[] {
  const seen = new Set<string>()
  return claims.flatMap(({ name, request }, index) => {
    const at = field.index(index)
    if (!name) return [required(at.child('name'))]
    const errors: FieldError[] = []
    const key = request ? `${name}/${request}` : name
    if (seen.has(key) || seen.has(name)) errors.push(duplicate(at, key))
    if (!request && [...seen].some((other) => other.startsWith(`${name}/`))) errors.push(duplicate(at, key))
    seen.add(key)
    if (!resourceClaims.some((claim) => claim.name === name)) errors.push(notFound(at.child('name'), name))
    return errors
  })
}

const resizeRestartPolicies = ['NotRequired', 'RestartContainer']
const resizable = ['cpu', 'memory']

function resizePolicyErrors(
  { resizePolicy: policies = [] }: Container | EphemeralContainer,
  field: FieldPath,
): FieldError[] {
  const seen = new Set<string>()
  return policies.flatMap(({ resourceName, restartPolicy }) => {
    const errors: FieldError[] = []
    if (seen.has(resourceName)) errors.push(duplicate(field, resourceName))
    seen.add(resourceName)
    if (resourceName === '') errors.push(required(field))
    else if (!resizable.includes(resourceName)) errors.push(notSupported(field, resourceName, resizable))
    if (restartPolicy === '') errors.push(required(field))
    else if (!resizeRestartPolicies.includes(restartPolicy))
      errors.push(notSupported(field, restartPolicy, resizeRestartPolicies))
    return errors
  })
}

const maxRestartRules = 20
const maxRestartCodes = 255
const restartActions = ['Restart', 'RestartAllContainers']
const codeOperators = ['In', 'NotIn']

/** What a container does when it ends with some codes. */
function restartRuleErrors(
  { restartPolicy, restartPolicyRules: list = [] }: Container | EphemeralContainer,
  field: FieldPath,
): FieldError[] {
  if (list.length === 0) return []
  const at = field.child('restartPolicyRules')
  if (restartPolicy === undefined)
    return [required(field.child('restartPolicy'), 'must specify restartPolicy when restart rules are used')]
  const errors: FieldError[] = []
  if (list.length > maxRestartRules) errors.push(tooMany(at, list.length, maxRestartRules))
  for (const [index, { action, exitCodes }] of list.entries()) {
    const rule = at.index(index)
    if (!restartActions.includes(action))
      errors.push(notSupported(rule.child('action'), action, restartActions))
    if (!exitCodes) {
      errors.push(required(rule.child('exitCodes'), 'must be specified'))
      continue
    }
    const { operator, values = [] } = exitCodes
    const codes = rule.child('exitCodes')
    if (!codeOperators.includes(operator))
      errors.push(notSupported(codes.child('operator'), operator, codeOperators))
    if (values.length === 0) errors.push(required(codes.child('values'), 'must specify at least one value'))
    if (values.length > maxRestartCodes)
      errors.push(tooMany(codes.child('values'), values.length, maxRestartCodes))
  }
  return errors
}

function deviceErrors(
  { volumeDevices = [], volumeMounts = [] }: Container | EphemeralContainer,
  volumes: Volumes,
  field: FieldPath,
): FieldError[] {
  return volumeDevices.flatMap(({ name, devicePath }, index) => {
    const at = field.index(index)
    const errors: FieldError[] = []
    const volume = volumes.get(name)
    if (!name) errors.push(required(at.child('name')))
    else if (!volume) errors.push(notFound(at.child('name'), name))
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      errors.push(
        invalid(
          at.child('name'),
          name,
          'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
        ),
      )
    }
    if (!devicePath) errors.push(required(at.child('devicePath')))
    else if (volumeMounts.some(({ mountPath }) => mountPath === devicePath)) {
      errors.push(
        invalid(at.child('devicePath'), devicePath, 'must not already exist as a path in volumeMounts'),
      )
    }
    return errors
  })
}
