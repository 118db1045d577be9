import type { FieldPath } from '../../../machinery/field-error.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { Volume, VolumeProjection } from '../../generated/core.v1.ts'
import { claimSpecWarnings } from '../claim-warnings.ts'

/** Kinds of volumes that went out of use, in the order in which upstream tells of them. */
const outOfUse = [
  ['photonPersistentDisk', 'photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'storageOS', 'deprecated in v1.22, non-functional in v1.25+'],
  ['quobyte', 'quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['ephemeral', '', ''],
  ['cephfs', 'cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const

/** Source: the part of kubernetes/pkg/api/pod/warnings.go that is about volumes. */
export function volumeWarnings(volumes: readonly Volume[], field: FieldPath): string[] {
  return [
    ...volumes.flatMap((volume, index) => sourceWarnings(volume, field.index(index))),
    ...volumes.flatMap(overlapWarnings),
  ]
}

function sourceWarnings(volume: Volume, at: FieldPath): string[] {
  return outOfUse.flatMap(([name, shown, message]) => {
    if (!volume[name]) return []
    if (name !== 'ephemeral') return [`${String(at.child(shown))}: ${message}`]
    const template = volume.ephemeral?.volumeClaimTemplate
    return claimSpecWarnings(template?.spec, at.child('ephemeral', 'volumeClaimTemplate', 'spec'))
  })
}

/** A file of a volume, and in projected volumes what it is from. */
interface Origin {
  readonly path: string
  readonly source: string
}

/** Two files of one volume that cannot both be there. Source: warningsForOverlappingVirtualPaths. */
function overlapWarnings({ name, configMap, secret, downwardAPI, projected }: Volume): string[] {
  const tell = (kind: string, files: readonly Origin[]) =>
    overlaps(files).map((overlap) => `volume ${goQuote(name)} (${kind}): overlapping paths: ${overlap}`)
  const own = [
    ...tell(`ConfigMap ${goQuote(configMap?.name ?? '')}`, originsOf(configMap?.items)),
    ...tell(`Secret ${goQuote(secret?.secretName ?? '')}`, originsOf(secret?.items)),
    ...tell('DownwardAPI', originsOf(downwardAPI?.items)),
  ]
  const sources = projected?.sources ?? []
  const empty = sources.filter((source) => Object.keys(source).length === 0)
  return [
    ...own,
    ...empty.map(() => `volume ${goQuote(name)} (Projected) has no sources provided`),
    ...tell('Projected', sources.flatMap(projectedOrigins)),
  ]
}

function originsOf(items: readonly { readonly path: string }[] = [], source = ''): Origin[] {
  return items.map((item) => ({ path: item.path, source }))
}

function projectedOrigins(projection: VolumeProjection): Origin[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle } = projection
  if (configMap?.items) return originsOf(configMap.items, `ConfigMap ${goQuote(configMap.name ?? '')}`)
  if (secret?.items) return originsOf(secret.items, `Secret ${goQuote(secret.name ?? '')}`)
  if (downwardAPI?.items) return originsOf(downwardAPI.items, 'DownwardAPI')
  if (serviceAccountToken) return originsOf([serviceAccountToken], 'ServiceAccountToken')
  if (!clusterTrustBundle) return []
  const bundle = clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? ''
  return originsOf([clusterTrustBundle], `ClusterTrustBundle ${goQuote(bundle)}`)
}

/** Pairs of files where one is the other or stands where the other needs a directory. */
function overlaps(files: readonly Origin[]): string[] {
  const trimmed = files.map(({ path, source }) => ({ path: path.replace(/\/+$/, ''), source }))
  return trimmed.flatMap((file, index) =>
    trimmed
      .slice(0, index)
      .filter((other) => doOverlap(file.path, other.path))
      .map((other) => `${textOf(file)} with ${textOf(other)}`),
  )
}

function doOverlap(one: string, other: string): boolean {
  if (one === '' || other === '') return false
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`)
}

function textOf({ path, source }: Origin): string {
  return source === '' ? goQuote(path) : `${goQuote(path)} (${source})`
}
