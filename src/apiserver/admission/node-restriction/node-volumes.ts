import type { PersistentVolume } from '../../../api/generated/core.v1.ts'
import { persistentVolumeClaims, persistentVolumes } from '../../../api/generated/resources.ts'
import { nodeOfComponent } from '../../../api/node/node-components.ts'
import { hostnameLabel, nodeOfClaim, nodeOfVolume, volumeNameOf } from '../../../api/storage/local-path.ts'
import { semanticEqual } from '../../../machinery/equal.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf, oldObjectOf } from '../request-matching.ts'

/**
 * The provisioner on a node makes and removes directories of that node only, for claims that the scheduler has sent
 * there. Without this a node could draw anybody's pods to itself, or take another node's volumes away. It belongs to
 * what such a provisioner is, not to the plugins that a cluster's operator chooses.
 */
export function createNodeVolumesCheck(objects: Objects): AdmissionPlugin {
  const nodeOf = ({ user }: AdmissionRequest) => nodeOfComponent('local-path-provisioner', user)
  return {
    name: 'NodeVolumes',
    handles: (request) =>
      isAbout(request, persistentVolumes, ['CREATE', 'UPDATE', 'DELETE']) && nodeOf(request) !== undefined,
    async validate(request) {
      const node = nodeOf(request)
      if (node === undefined) return
      const fault =
        request.operation === 'CREATE'
          ? await creationFault(objects, node, objectOf(request, persistentVolumes))
          : changeFault(node, oldObjectOf(request, persistentVolumes), request.object)
      if (fault !== undefined) throw refused(request, fault)
    },
  }
}

async function creationFault(
  objects: Objects,
  node: string,
  volume: PersistentVolume,
): Promise<string | undefined> {
  if (!volume.spec?.local || !isOnlyOn(node, volume)) {
    return `node "${node}" can only create local volumes on itself`
  }
  const { namespace = '', name = '', uid } = volume.spec.claimRef ?? {}
  const claim = name === '' ? undefined : await objects.getLatest(persistentVolumeClaims, { namespace, name })
  const isAsked =
    claim !== undefined &&
    claim.metadata?.uid === uid &&
    volume.metadata?.name === volumeNameOf(claim) &&
    nodeOfClaim(claim) === node
  return isAsked ? undefined : `node "${node}" can only create volumes for claims that ask for them there`
}

/** What is left to change of a volume is that its end is no longer waited for. */
function changeFault(
  node: string,
  previous: PersistentVolume,
  volume: PersistentVolume | undefined,
): string | undefined {
  if (!isOnlyOn(node, previous)) return `node "${node}" can only change volumes on itself`
  if (volume === undefined || semanticEqual(withoutFinalizers(volume), withoutFinalizers(previous))) {
    return undefined
  }
  return `node "${node}" is not allowed to update fields other than metadata.finalizers`
}

function withoutFinalizers({ metadata, spec, status }: PersistentVolume): unknown {
  const {
    finalizers: _finalizers,
    managedFields: _managers,
    resourceVersion: _version,
    generation: _generation,
    ...rest
  } = metadata ?? {}
  return { metadata: rest, spec, status }
}

/** Whether a volume was provisioned on this node, and cannot be used on another. */
function isOnlyOn(node: string, volume: PersistentVolume): boolean {
  const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []
  const expressions = terms[0]?.matchExpressions ?? []
  const [only] = expressions
  return (
    nodeOfVolume(volume) === node &&
    terms.length === 1 &&
    expressions.length === 1 &&
    only?.key === hostnameLabel &&
    only.operator === 'In' &&
    only.values?.length === 1
  )
}
