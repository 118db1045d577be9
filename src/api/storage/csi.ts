import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { CSIDriver, CSINode, VolumeAttachment } from '../generated/storage.v1.ts'
import { csiDrivers, csiNodes, volumeAttachments } from '../generated/resources.ts'
import {
  validateAttachmentStatus,
  validateCsiDriver,
  validateCsiDriverUpdate,
  validateCsiNode,
  validateVolumeAttachment,
  validateVolumeAttachmentUpdate,
} from './csi-validation.ts'

export const csiDriverDefinition: ResourceDefinition<CSIDriver> = {
  resource: csiDrivers,
  singular: 'csidriver',
  strategy: {
    allowUnconditionalUpdate: false,
    defaults({ spec }) {
      if (!spec) return
      spec.attachRequired ??= true
      spec.podInfoOnMount ??= false
      spec.storageCapacity ??= false
      spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
      spec.volumeLifecycleModes ??= ['Persistent']
      spec.requiresRepublish ??= false
      spec.seLinuxMount ??= false
    },
    validate: validateCsiDriver,
    validateUpdate: validateCsiDriverUpdate,
  },
  columns: [
    nameColumn,
    column(
      'AttachRequired',
      'Whether its volumes are attached before they are mounted.',
      ({ spec }) => `${spec.attachRequired ?? true}`,
    ),
    column(
      'PodInfoOnMount',
      'Whether it is told about the pod.',
      ({ spec }) => `${spec.podInfoOnMount ?? false}`,
    ),
    column(
      'StorageCapacity',
      'Whether it says how much it holds.',
      ({ spec }) => `${spec.storageCapacity ?? false}`,
    ),
    column(
      'TokenRequests',
      'Audiences of the tokens it gets.',
      ({ spec }) => (spec.tokenRequests ?? []).map(({ audience }) => audience).join(',') || '<unset>',
    ),
    column(
      'RequiresRepublish',
      'Whether it is told again and again.',
      ({ spec }) => `${spec.requiresRepublish ?? false}`,
    ),
    column(
      'Modes',
      'Lives its volumes can have.',
      ({ spec }) => (spec.volumeLifecycleModes ?? []).join(',') || '<none>',
    ),
    ageColumn,
  ],
}

export const csiNodeDefinition: ResourceDefinition<CSINode> = {
  resource: csiNodes,
  singular: 'csinode',
  strategy: {
    tracksGeneration: false,
    allowUnconditionalUpdate: false,
    validate: (node) => validateCsiNode(node),
    validatesUpdateAlone: true,
    validateUpdate: validateCsiNode,
  },
  columns: [
    nameColumn,
    integerColumn('Drivers', 'Number of drivers on the node.', ({ spec }) => spec.drivers?.length ?? 0),
    ageColumn,
  ],
}

export const volumeAttachmentDefinition: ResourceDefinition<VolumeAttachment> = {
  resource: volumeAttachments,
  singular: 'volumeattachment',
  strategy: {
    tracksGeneration: false,
    allowUnconditionalUpdate: false,
    validate: validateVolumeAttachment,
    validateUpdate: validateVolumeAttachmentUpdate,
    status: { keptMetadata: 'all', validateUpdate: validateAttachmentStatus },
  },
  columns: [
    nameColumn,
    column('Attacher', 'The driver that attaches it.', ({ spec }) => spec.attacher),
    column('PV', 'The volume.', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    column('Node', 'The node.', ({ spec }) => spec.nodeName),
    column('Attached', 'Whether it is attached.', ({ status }) => `${status?.attached ?? false}`),
    ageColumn,
  ],
}
