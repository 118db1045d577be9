import { jsonEqual } from '../../machinery/equal.ts'
import {
  duplicate,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  path,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors, qualifiedNameErrors } from '../../machinery/validation/names.ts'
import { fieldImmutableMessage } from '../../machinery/validation/object-meta.ts'
import { validateInlineVolume } from '../core/inline-volume-validation.ts'
import { validateCsiDriverName } from './csi-driver-name.ts'
import { internalForm } from '../internal-form.ts'
import type {
  CSIDriver,
  CSINode,
  CSINodeDriver,
  TokenRequest,
  VolumeAttachment,
} from '../generated/storage.v1.ts'

const maxNodeIdLength = 256
const maxAttachedMetadataSize = 256 * 1024
const maxVolumeErrorLength = 1024
const fsGroupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType']
const lifecycleModes = ['Persistent', 'Ephemeral']
const minTokenSeconds = 600
const maxTokenSeconds = 2 ** 32

/** Source: kubernetes/pkg/apis/storage/validation. */
export function validateCsiDriver({ spec }: CSIDriver): FieldError[] {
  const at = path('spec')
  const errors: FieldError[] = []
  for (const field of ['attachRequired', 'podInfoOnMount', 'storageCapacity', 'seLinuxMount'] as const)
    if (spec[field] === undefined) errors.push(required(at.child(field)))
  const { fsGroupPolicy, tokenRequests = [], volumeLifecycleModes = [] } = spec
  if (fsGroupPolicy !== undefined && !fsGroupPolicies.includes(fsGroupPolicy))
    errors.push(notSupported(at.child('fsGroupPolicy'), fsGroupPolicy, fsGroupPolicies))
  errors.push(...tokenErrors(tokenRequests, at.child('tokenRequests')))
  for (const mode of volumeLifecycleModes) {
    if (!lifecycleModes.includes(mode))
      errors.push(notSupported(at.child('volumeLifecycleModes'), mode, lifecycleModes))
  }
  const allocatable = spec.nodeAllocatableUpdatePeriodSeconds
  const allocatableAt = at.child('nodeAllocatableUpdatePeriodSeconds')
  if (allocatable !== undefined && allocatable < 10)
    errors.push(invalid(allocatableAt, allocatable, 'must be greater than or equal to 10 seconds'))
  return errors
}

function tokenErrors(requests: readonly TokenRequest[], at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const seen = new Set<string>()
  for (const [index, { audience, expirationSeconds }] of requests.entries()) {
    const field = at.index(index)
    if (seen.has(audience)) {
      errors.push(duplicate(field.child('audience'), audience))
      continue
    }
    seen.add(audience)
    if (expirationSeconds === undefined) continue
    const expirationAt = field.child('expirationSeconds')
    if (expirationSeconds < minTokenSeconds) {
      const detail = 'may not specify a duration less than 10 minutes'
      errors.push(invalid(expirationAt, expirationSeconds, detail))
    }
    if (expirationSeconds > maxTokenSeconds) {
      const detail = 'may not specify a duration larger than 2^32 seconds'
      errors.push(invalid(expirationAt, expirationSeconds, detail))
    }
  }
  return errors
}

/** The name of the first field is upstream's slip. */
export function validateCsiDriverUpdate({ spec }: CSIDriver, previous: CSIDriver): FieldError[] {
  const fixed = [
    ['attachRequired', 'attachedRequired'],
    ['volumeLifecycleModes', 'volumeLifecycleModes'],
  ] as const
  return fixed
    .filter(([field]) => !jsonEqual(spec[field], previous.spec[field]))
    .map(([field, shown]) => invalid(path('spec', shown), spec[field] ?? null, fieldImmutableMessage))
}

/** Drivers that stood there before are not looked at again. */
export function validateCsiNode({ spec }: CSINode, previous?: CSINode): FieldError[] {
  const at = path('spec', 'drivers')
  const errors: FieldError[] = []
  const seen = new Set<string>()
  const drivers = spec.drivers ?? []
  for (const [index, driver] of drivers.entries()) {
    const field = at.index(index)
    const before = previous?.spec.drivers?.find(({ name }) => name === driver.name)
    errors.push(...nodeDriverErrors(driver, before, field))
    if (seen.has(driver.name)) errors.push(duplicate(field.child('name'), driver.name))
    seen.add(driver.name)
    if (before && !jsonEqual(unchanging(driver), unchanging(before)))
      errors.push(
        invalid(at, internalForm('storage.v1.CSINodeDriver', unchanging(driver)), fieldImmutableMessage),
      )
  }
  return errors
}

function unchanging({ allocatable: _allocatable, ...rest }: CSINodeDriver) {
  return rest
}

function nodeDriverErrors(
  { name, nodeID, allocatable, topologyKeys = [] }: CSINodeDriver,
  before: CSINodeDriver | undefined,
  at: FieldPath,
): FieldError[] {
  const errors = validateCsiDriverName(name, at.child('name'))
  const idAt = at.child('nodeID')
  if (!nodeID) errors.push(required(idAt))
  else if (nodeID !== before?.nodeID && nodeID.length > maxNodeIdLength)
    errors.push(invalid(idAt, nodeID, `must be ${maxNodeIdLength} characters or less`))
  const count = allocatable?.count
  const countAt = at.child('allocatable', 'count')
  if (count !== undefined && count < 0)
    errors.push(invalid(countAt, count, 'must be greater than or equal to 0'))
  const seen = new Set<string>()
  for (const key of topologyKeys) {
    if (!key) errors.push(required(at))
    if (seen.has(key)) errors.push(duplicate(at, key))
    seen.add(key)
    errors.push(...invalidFor(at, key, qualifiedNameErrors(key)))
  }
  return errors
}

export function validateVolumeAttachment({ spec, status }: VolumeAttachment): FieldError[] {
  const at = path('spec')
  const errors: FieldError[] = validateCsiDriverName(spec.attacher, at.child('attacher'))
  const { inlineVolumeSpec, persistentVolumeName: volume } = spec.source
  const source = at.child('source')
  const nameAt = source.child('persistentVolumeName')
  if (!inlineVolumeSpec && volume === undefined)
    errors.push(required(source, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'))
  if (inlineVolumeSpec && volume !== undefined) {
    const detail = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
    errors.push(forbidden(source, detail))
  }
  if (inlineVolumeSpec && volume === undefined)
    errors.push(...validateInlineVolume(inlineVolumeSpec, source.child('inlineVolumeSpec')))
  if (volume !== undefined && !inlineVolumeSpec) {
    if (volume === '') errors.push(required(nameAt, 'must specify non empty persistentVolumeName'))
    errors.push(...dns1123SubdomainErrors(volume).map((message) => invalid(nameAt, volume, message)))
  }
  errors.push(
    ...dns1123SubdomainErrors(spec.nodeName).map((message) =>
      invalid(at.child('nodeName'), spec.nodeName, message),
    ),
  )
  return [...errors, ...validateAttachmentStatus({ spec, status: status ?? { attached: false } })]
}

export function validateAttachmentStatus({ status }: VolumeAttachment): FieldError[] {
  const at = path('status')
  const metadata = Object.entries(status?.attachmentMetadata ?? {})
  const errors: FieldError[] = []
  const size = metadata.reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  if (size > maxAttachedMetadataSize)
    errors.push(tooLong(at.child('attachmentMetadata'), '', maxAttachedMetadataSize))
  for (const field of ['attachError', 'detachError'] as const) {
    const { message = '', errorCode } = status?.[field] ?? {}
    // Upstream says the wrong length.
    if (message.length > maxVolumeErrorLength)
      errors.push(tooLong(at.child(field, 'message'), '', maxAttachedMetadataSize))
    if (errorCode !== undefined && errorCode < 0) {
      const detail = 'must be between 0 and 2147483647, inclusive'
      errors.push(invalid(at.child(field, 'errorCode'), errorCode, detail))
    }
  }
  return errors
}

/** What is attached where stays. */
export function validateVolumeAttachmentUpdate(
  next: VolumeAttachment,
  previous: VolumeAttachment,
): FieldError[] {
  return jsonEqual(next.spec, previous.spec)
    ? []
    : [
        invalid(
          path('spec'),
          internalForm('storage.v1.VolumeAttachmentSpec', next.spec),
          fieldImmutableMessage,
        ),
      ]
}
