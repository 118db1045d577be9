import {
  bindCompleted,
  boundByController,
  findMatchingVolume,
  isBoundTo,
  noProvisioner,
  selectedNode,
  storageClassAnnotation,
  storageClassOf,
} from '../../api/core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import type { StorageClass } from '../../api/generated/storage.v1.ts'
import { compareQuantity, parseQuantity } from '../../machinery/quantity.ts'

/** What the plan of a claim depends on. */
export interface ClaimView {
  volume(name: string): PersistentVolume | undefined
  /** Volumes that are free, and those reserved for the claim. */
  candidates(claim: PersistentVolumeClaim): Iterable<PersistentVolume>
  storageClass(name: string): StorageClass | undefined
  /** The class of claims that name none, if there is one. */
  defaultClass(): StorageClass | undefined
  /** Names of the pods that use the claim and have no node yet. */
  unscheduledPods(claim: PersistentVolumeClaim): readonly string[]
}

export interface PlannedEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export type ClaimPlan =
  | { readonly type: 'wait'; readonly event?: PlannedEvent }
  | { readonly type: 'bind'; readonly volume: PersistentVolume }
  | { readonly type: 'assignClass'; readonly className: string }
  | { readonly type: 'provision'; readonly provisioner: string }
  | { readonly type: 'lose'; readonly event: PlannedEvent }

/** What is to be done for a claim. Source: kubernetes/pkg/controller/volume/persistentvolume, syncClaim. */
export function planClaim(claim: PersistentVolumeClaim, view: ClaimView): ClaimPlan {
  if (claim.metadata?.annotations?.[bindCompleted] !== undefined) return planBound(claim, view)
  // Nobody can use it any more.
  if (claim.metadata?.deletionTimestamp) return { type: 'wait' }
  return claim.spec?.volumeName ? planChosen(claim, claim.spec.volumeName, view) : planAny(claim, view)
}

/** It has been bound: whether it still is. */
function planBound(claim: PersistentVolumeClaim, view: ClaimView): ClaimPlan {
  const volumeName = claim.spec?.volumeName
  if (!volumeName)
    return lose(
      'ClaimLost',
      'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    )
  const volume = view.volume(volumeName)
  if (!volume)
    return lose('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  const reference = volume.spec?.claimRef
  if (!reference || reference.uid === claim.metadata?.uid) return { type: 'bind', volume }
  return lose('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
}

/** Its user has chosen the volume. */
function planChosen(claim: PersistentVolumeClaim, volumeName: string, view: ClaimView): ClaimPlan {
  const volume = view.volume(volumeName)
  if (!volume) return { type: 'wait' }
  if (!volume.spec?.claimRef) {
    const fault = whyUnsatisfied(claim, volume)
    if (!fault) return { type: 'bind', volume }
    return wait('Warning', 'VolumeMismatch', `Cannot bind to requested volume "${volumeName}": ${fault}`)
  }
  if (isBoundTo(volume, claim)) return { type: 'bind', volume }
  return wait('Warning', 'FailedBinding', `volume "${volumeName}" already bound to a different claim.`)
}

/** Any volume will do. */
function planAny(claim: PersistentVolumeClaim, view: ClaimView): ClaimPlan {
  const className = storageClassOf(claim)
  const storageClass = className ? view.storageClass(className) : undefined
  const hasNode = claim.metadata?.annotations?.[selectedNode] !== undefined
  const isDelayed = storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && !hasNode
  const volume = findMatchingVolume(claim, view.candidates(claim), { isDelayed })
  if (volume) return { type: 'bind', volume }
  if (className === undefined) {
    const name = view.defaultClass()?.metadata?.name
    if (name) return { type: 'assignClass', className: name }
  }
  if (isDelayed) {
    const pods = view.unscheduledPods(claim)
    return pods.length > 0
      ? wait(
          'Normal',
          'WaitForPodScheduled',
          `waiting for pod${pods.length > 1 ? 's' : ''} ${pods.join(',')} to be scheduled`,
        )
      : wait('Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
  }
  if (className) return planProvision(className, storageClass)
  const message = 'no persistent volumes available for this claim and no storage class is set'
  return wait('Normal', 'FailedBinding', message)
}

function planProvision(className: string, storageClass: StorageClass | undefined): ClaimPlan {
  if (!storageClass)
    return wait('Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`)
  const { provisioner } = storageClass
  return provisioner === noProvisioner
    ? wait('Warning', 'ProvisioningFailed', `no volume plugin matched name: ${provisioner}`)
    : { type: 'provision', provisioner }
}

/** Why a volume that a claim asks for by name does not do. */
function whyUnsatisfied(claim: PersistentVolumeClaim, volume: PersistentVolume): string | undefined {
  const { spec, metadata } = volume
  if (metadata?.deletionTimestamp) return `the volume is marked for deletion "${metadata.name}"`
  const requested = claim.spec?.resources?.requests?.['storage'] ?? '0'
  const capacity = spec?.capacity?.['storage'] ?? '0'
  if (compareQuantity(parseQuantity(capacity), parseQuantity(requested)) < 0)
    return 'requested PV is too small'
  if ((storageClassOf(volume) ?? '') !== (storageClassOf(claim) ?? ''))
    return 'storageClassName does not match'
  if ((spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem'))
    return 'incompatible volumeMode'
  if (!(claim.spec?.accessModes ?? []).every((mode) => spec?.accessModes?.includes(mode)))
    return 'incompatible accessMode'
  if ((spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? ''))
    return 'volumeAttributesClassName does not match'
  return undefined
}

/** The claim once a volume is reserved for it; the same object when it says so already. */
export function boundClaim(claim: PersistentVolumeClaim, volumeName: string): PersistentVolumeClaim {
  const annotations = claim.metadata?.annotations
  const isChosen = claim.spec?.volumeName === volumeName
  if (isChosen && annotations?.[bindCompleted] !== undefined) return claim
  return {
    ...claim,
    metadata: {
      ...claim.metadata,
      annotations: {
        ...annotations,
        ...(!isChosen && { [boundByController]: 'yes' }),
        [bindCompleted]: 'yes',
      },
    },
    spec: { ...claim.spec, volumeName },
  }
}

/** The status of a claim that is bound. What a grown volume holds is told by whoever grew it. */
export function boundStatus(
  { status }: PersistentVolumeClaim,
  { spec }: PersistentVolume,
): NonNullable<PersistentVolumeClaim['status']> {
  const becomesBound = status?.phase !== 'Bound'
  const attributes = spec?.volumeAttributesClassName
  return {
    ...status,
    phase: 'Bound',
    ...(spec?.accessModes && { accessModes: spec.accessModes }),
    ...(becomesBound && spec?.capacity && { capacity: { ...status?.capacity, ...spec.capacity } }),
    ...(becomesBound && attributes && { currentVolumeAttributesClassName: attributes }),
  }
}

/** Nothing of a volume is shown by a claim that has none. */
export function unboundStatus(
  { status }: PersistentVolumeClaim,
  phase: 'Pending' | 'Lost',
): NonNullable<PersistentVolumeClaim['status']> {
  const { accessModes: _modes, capacity: _capacity, ...rest } = status ?? {}
  return { ...rest, phase }
}

/** The claim with its class, in the field alone. */
export function withClass(claim: PersistentVolumeClaim, className: string): PersistentVolumeClaim {
  const { [storageClassAnnotation]: _old, ...annotations } = claim.metadata?.annotations ?? {}
  return {
    ...claim,
    metadata: { ...claim.metadata, annotations },
    spec: { ...claim.spec, storageClassName: className },
  }
}

function wait(type: PlannedEvent['type'], reason: string, message: string): ClaimPlan {
  return { type: 'wait', event: { type, reason, message } }
}

function lose(reason: string, message: string): ClaimPlan {
  return { type: 'lose', event: { type: 'Warning', reason, message } }
}
