import { featuresToUpdate, missingFeatures } from '../../api/core/pod/node-features.ts'
import { nodes, pods } from '../../api/generated/resources.ts'
import type { Objects } from '../objects.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { refused } from './refuse.ts'
import { isAbout, objectOf, oldObjectOf } from './request-matching.ts'

/**
 * A pod that is on a node changes only as the node can follow. Source: kubernetes/plugin/pkg/admission/nodedeclaredfeatures.
 */
export function createNodeDeclaredFeatureValidator(objects: Objects): AdmissionPlugin {
  return {
    name: 'NodeDeclaredFeatureValidator',
    handles: (request) => isAbout(request, pods, ['UPDATE']) || isAbout(request, pods, ['UPDATE'], 'resize'),
    async validate(request) {
      const { spec } = objectOf(request, pods)
      const nodeName = spec?.nodeName
      if (!nodeName) return
      const features = featuresToUpdate(oldObjectOf(request, pods).spec, spec)
      if (features.length === 0) return
      // What a node that has just come can do may not have reached the cache.
      const node =
        objects.get(nodes, { name: nodeName }) ?? (await objects.getLatest(nodes, { name: nodeName }))
      if (!node) throw refused(request, `node "${nodeName}" not found`)
      const missing = missingFeatures(features, node.status?.declaredFeatures)
      if (missing.length === 0) return
      const detail = `pod update requires features ${missing.join(', ')} which are not available on node "${nodeName}"`
      throw refused(request, detail)
    },
  }
}
