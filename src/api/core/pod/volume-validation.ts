import {
  duplicate,
  forbidden,
  invalid,
  invalidFor,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { quantitySign } from '../../../machinery/quantity.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../../machinery/validation/names.ts'
import { validateTemplateMetadata } from '../../../machinery/validation/template-metadata.ts'
import type { Volume } from '../../generated/core.v1.ts'
import { validateClaimSpec } from '../claim-validation.ts'
import { surplusSource, validateVolumeSource } from '../volume-sources.ts'
import { validatePullPolicy } from './container-validation.ts'
import type { Volumes } from './mount-validation.ts'
import { validateProjected } from './projected-volume-validation.ts'
import { validateDownwardFiles, validateItems, validateMode } from './volume-files-validation.ts'

/** Whose volumes these are: those of a pod that is there, or of a template. */
export interface VolumeOwner {
  readonly isPod: boolean
  /** The pod's name, where it is known. */
  readonly podName?: string | undefined
}

/** The volumes of a pod, with those that a mount may name: the sound ones. Source: ValidateVolumes. */
export function validateVolumes(
  list: readonly Volume[],
  owner: VolumeOwner,
  field: FieldPath,
): { readonly errors: FieldError[]; readonly volumes: Volumes } {
  const volumes = new Map<string, Volume>()
  const made = owner.podName ? list.filter(({ ephemeral }) => ephemeral) : []
  const madeClaims = new Set(made.map(({ name }) => `${owner.podName}-${name}`))
  const errors = list.flatMap((volume, index) => {
    const at = field.index(index)
    const { name } = volume
    const found = sourceErrors(volume, owner, at)
    if (!name) found.push(required(at.child('name')))
    else found.push(...invalidFor(at.child('name'), name, dns1123LabelErrors(name)))
    if (volumes.has(name)) found.push(duplicate(at.child('name'), name))
    if (found.length === 0) volumes.set(name, volume)
    const claim = volume.persistentVolumeClaim?.claimName
    if (claim !== undefined && madeClaims.has(claim)) {
      const detail = 'must not reference a PVC that gets created for an ephemeral volume'
      found.push(invalid(at.child('persistentVolumeClaim', 'claimName'), claim, detail))
    }
    return found
  })
  return { errors, volumes }
}

/** In the order in which upstream looks at them: the first one is what a volume is. */
const order = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
] as const

function sourceErrors(volume: Volume, owner: VolumeOwner, field: FieldPath): FieldError[] {
  const [first, ...others] = order.filter((name) => volume[name] !== undefined)
  if (!first) return [required(field, 'must specify a volume type')]
  return [
    ...validateVolumeSource(first, volume[first], { isPersistent: false, name: volume.name, field }),
    ...podSourceErrors(volume, first, owner, field),
    ...others.map((name) => surplusSource(name, field)),
  ]
}

/** Sources that only pods have. */
function podSourceErrors(
  volume: Volume,
  name: (typeof order)[number],
  owner: VolumeOwner,
  field: FieldPath,
): FieldError[] {
  const at = field.child(name)
  const { emptyDir, secret, configMap, projected, downwardAPI, persistentVolumeClaim, image } = volume
  switch (name) {
    case 'emptyDir':
      return emptyDir?.sizeLimit !== undefined && quantitySign(emptyDir.sizeLimit) < 0
        ? [forbidden(at.child('sizeLimit'), 'SizeLimit field must be a valid resource quantity')]
        : []
    case 'secret':
      return [
        ...(secret?.secretName ? [] : [required(at.child('secretName'))]),
        ...validateMode(secret?.defaultMode, at.child('defaultMode')),
        ...validateItems(secret?.items, at.child('items')),
      ]
    case 'configMap':
      return [
        ...(configMap?.name ? [] : [required(at.child('name'))]),
        ...validateMode(configMap?.defaultMode, at.child('defaultMode')),
        ...validateItems(configMap?.items, at.child('items')),
      ]
    case 'downwardAPI':
      return [
        ...validateMode(downwardAPI?.defaultMode, at.child('defaultMode')),
        ...validateDownwardFiles(downwardAPI?.items, at),
      ]
    case 'projected':
      return projected ? validateProjected(projected, at) : []
    case 'persistentVolumeClaim':
      return persistentVolumeClaim?.claimName ? [] : [required(at.child('claimName'))]
    case 'ephemeral':
      return ephemeralErrors(volume, owner, field)
    case 'image':
      return [
        ...(owner.isPod && !image?.reference ? [required(at.child('reference'))] : []),
        ...validatePullPolicy(image?.pullPolicy, at.child('pullPolicy')),
      ]
    default:
      return []
  }
}

/** A claim that is made with the pod, of which only labels and annotations may be chosen beside its spec. */
function ephemeralErrors(
  { name, ephemeral }: Volume,
  { podName }: VolumeOwner,
  field: FieldPath,
): FieldError[] {
  const at = field.child('ephemeral', 'volumeClaimTemplate')
  const template = ephemeral?.volumeClaimTemplate
  const errors: FieldError[] = []
  if (template) {
    errors.push(
      ...validateTemplateMetadata(template.metadata, at.child('metadata')),
      ...validateClaimSpec(template.spec, at.child('spec')),
    )
  } else errors.push(required(at))
  if (!podName || !name) return errors
  const claim = `${podName}-${name}`
  const malformed = dns1123SubdomainErrors(claim).map((message) => `PVC name "${claim}": ${message}`)
  return [...errors, ...invalidFor(field.child('name'), name, malformed)]
}
