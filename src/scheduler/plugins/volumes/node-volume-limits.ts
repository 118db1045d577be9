import { storageClassOf } from '../../../api/core/volume-matching.ts'
import {
  csiNodes,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  volumeAttachments,
} from '../../../api/generated/resources.ts'
import type { Pod } from '../../../api/generated/core.v1.ts'
import { changedTo } from '../../cluster-change.ts'
import type { Plugin, PluginHandle } from '../../framework.ts'
import { claimNamesOf, usesClaim } from './pod-claims.ts'

/** A node takes no more volumes of a CSI driver than the driver says that it can. */
export function createNodeVolumeLimits({ cache }: PluginHandle): Plugin {
  const claimCache = cache(persistentVolumeClaims)
  const volumeCache = cache(persistentVolumes)
  const classCache = cache(storageClasses)
  const nodeCache = cache(csiNodes)
  const attachmentCache = cache(volumeAttachments)
  attachmentCache.addIndex('node', ({ spec }) => [spec?.nodeName ?? ''])

  /** The CSI volumes that a pod uses, each with its driver. */
  function volumesOf(pod: Pod): Map<string, string> {
    const found = new Map<string, string>()
    for (const { name } of claimNamesOf(pod)) {
      const key = `${pod.metadata?.namespace}/${name}`
      const claim = claimCache.get(key)
      if (!claim) continue
      const csi = volumeCache.get(claim.spec?.volumeName ?? '')?.spec?.csi
      if (csi) {
        found.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver)
      } else if (!claim.spec?.volumeName) {
        // Not made yet: it will be one more.
        const provisioner = classCache.get(storageClassOf(claim) ?? '')?.provisioner
        if (provisioner) found.set(`${provisioner}/${key}`, provisioner)
      }
    }
    return found
  }

  return {
    name: 'NodeVolumeLimits',
    filter(pod, nodes) {
      const wanted = volumesOf(pod.pod)
      if (wanted.size === 0) return undefined
      const exceeds = (node: number): boolean => {
        const nodeName = nodes.nodes[node]!.metadata?.name ?? ''
        const limits = new Map(
          (nodeCache.get(nodeName)?.spec?.drivers ?? []).flatMap(({ name, allocatable }) =>
            allocatable?.count === undefined ? [] : [[name, allocatable.count] as const],
          ),
        )
        if (![...wanted.values()].some((driver) => limits.has(driver))) return false
        const all = new Map(wanted)
        for (const other of nodes.pods[node]!.values())
          for (const [volume, driver] of volumesOf(other.pod)) all.set(volume, driver)
        for (const { spec } of attachmentCache.byIndex('node', nodeName)) {
          const csi = volumeCache.get(spec?.source?.persistentVolumeName ?? '')?.spec?.csi
          if (csi) all.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver)
        }
        const counts = new Map<string, number>()
        for (const driver of all.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1)
        return [...new Set(wanted.values())].some(
          (driver) => (counts.get(driver) ?? 0) > (limits.get(driver) ?? Infinity),
        )
      }
      return {
        fits: (node) => !exceeds(node),
        refusal: () => ({ reasons: ['node(s) exceed max volume count'] }),
      }
    },
    mayHelp(change, { pod }) {
      const claim = changedTo(change, persistentVolumeClaims)
      if (claim) return usesClaim(pod, claim.object)
      const isGone =
        change.type === 'objectChanged' && change.resource.resource === 'volumeattachments' && !change.object
      return change.type === 'podRemoved' || isGone || !!changedTo(change, csiNodes)
    },
  }
}
