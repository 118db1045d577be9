import type { Pod } from '../../api/generated/core.v1.ts'

/** The names of the claims that a pod uses, in its namespace. */
export function claimNamesOf({ metadata, spec }: Pod): readonly string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName]
    return ephemeral ? [ephemeralClaimName(metadata?.name ?? '', name)] : []
  })
}

/** What the claim of a generic ephemeral volume is called. */
export function ephemeralClaimName(podName: string, volumeName: string): string {
  return `${podName}-${volumeName}`
}
