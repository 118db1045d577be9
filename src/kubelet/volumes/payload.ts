import type {
  ConfigMapVolumeSource,
  DownwardAPIVolumeSource,
  KeyToPath,
  Pod,
  ProjectedVolumeSource,
  SecretVolumeSource,
  Volume,
  VolumeProjection,
} from '../../api/generated/core.v1.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import type { ConfigSources } from '../containers/environment.ts'
import { fieldRefValue, resourceFieldRefValue, type DownwardFacts } from '../containers/field-ref.ts'
import type { Payload, PayloadFile } from './atomic-writer.ts'
import type { TokenSource } from './token-source.ts'
import type { TrustAnchors } from './trust-anchors.ts'
import { VolumeError } from './volume-error.ts'

export interface PayloadSources extends ConfigSources {
  readonly tokens: TokenSource
  readonly trustAnchors: TrustAnchors
  facts(podUID: string): DownwardFacts
}

const defaultFileMode = 0o644
const tokenMode = 0o600

/** The files of a volume whose content comes from the API; undefined for other volumes. */
export async function volumePayload(
  pod: Pod,
  volume: Volume,
  sources: PayloadSources,
): Promise<Payload | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume
  if (configMap) return await configMapPayload(pod, configMap, sources)
  if (secret) return await secretPayload(pod, secret, sources)
  if (downwardAPI) return downwardPayload(pod, downwardAPI, downwardAPI.defaultMode, sources)
  if (projected) return await projectedPayload(pod, projected, sources)
  return undefined
}

type ConfigMapSource = Pick<ConfigMapVolumeSource, 'name' | 'items' | 'optional' | 'defaultMode'>
type SecretSource = Pick<SecretVolumeSource, 'secretName' | 'items' | 'optional' | 'defaultMode'>

async function configMapPayload(pod: Pod, source: ConfigMapSource, sources: PayloadSources) {
  const namespace = pod.metadata?.namespace ?? ''
  const map = await optional(sources.configMap(namespace, source.name ?? ''), source.optional)
  const files = new Map<string, Uint8Array>()
  for (const [key, text] of Object.entries(map?.data ?? {})) files.set(key, Buffer.from(text))
  for (const [key, text] of Object.entries(map?.binaryData ?? {})) files.set(key, Buffer.from(text, 'base64'))
  return select(files, source, 'config')
}

async function secretPayload(pod: Pod, source: SecretSource, sources: PayloadSources) {
  const namespace = pod.metadata?.namespace ?? ''
  const secret = await optional(sources.secret(namespace, source.secretName ?? ''), source.optional)
  const files = new Map<string, Uint8Array>()
  for (const [key, text] of Object.entries(secret?.data ?? {})) files.set(key, Buffer.from(text, 'base64'))
  return select(files, source, 'secret')
}

/** All keys under their own names, or the chosen items under the paths they ask for. */
function select(
  files: ReadonlyMap<string, Uint8Array>,
  source: {
    readonly items?: readonly KeyToPath[]
    readonly optional?: boolean
    readonly defaultMode?: number
  },
  kind: 'config' | 'secret',
): Payload {
  const defaultMode = source.defaultMode ?? defaultFileMode
  if (!source.items?.length) {
    return new Map(Array.from(files, ([key, content]) => [key, { content, mode: defaultMode }]))
  }
  const payload = new Map<string, PayloadFile>()
  for (const { key, path, mode = defaultMode } of source.items) {
    const content = files.get(key)
    if (content !== undefined) payload.set(path, { content, mode })
    else if (!source.optional) throw new VolumeError(`references non-existent ${kind} key: ${key}`)
  }
  return payload
}

function downwardPayload(
  pod: Pod,
  source: Pick<DownwardAPIVolumeSource, 'items'>,
  defaultMode: number = defaultFileMode,
  sources: PayloadSources,
): Payload {
  const facts = sources.facts(pod.metadata?.uid ?? '')
  const payload = new Map<string, PayloadFile>()
  for (const { path, fieldRef, resourceFieldRef, mode = defaultMode } of source.items ?? []) {
    const text = fieldRef
      ? fieldRefValue(fieldRef, pod, facts)
      : resourceFieldRef
        ? resourceFieldRefValue(resourceFieldRef, pod, undefined, facts)
        : ''
    payload.set(path, { content: Buffer.from(text), mode })
  }
  return payload
}

async function projectedPayload(pod: Pod, volume: ProjectedVolumeSource, sources: PayloadSources) {
  const payload = new Map<string, PayloadFile>()
  for (const source of volume.sources ?? []) {
    for (const [path, file] of await oneProjection(pod, source, volume.defaultMode, sources)) {
      payload.set(path, file)
    }
  }
  return payload
}

async function oneProjection(
  pod: Pod,
  source: VolumeProjection,
  defaultMode: number = defaultFileMode,
  sources: PayloadSources,
): Promise<Payload> {
  if (source.configMap) return await configMapPayload(pod, { ...source.configMap, defaultMode }, sources)
  if (source.secret) {
    const { name, ...rest } = source.secret
    return await secretPayload(
      pod,
      { ...rest, ...(name !== undefined && { secretName: name }), defaultMode },
      sources,
    )
  }
  if (source.downwardAPI) return downwardPayload(pod, source.downwardAPI, defaultMode, sources)
  if (source.serviceAccountToken) {
    const { path, audience, expirationSeconds } = source.serviceAccountToken
    const token = await sources.tokens.token(pod, {
      ...(audience !== undefined && { audience }),
      ...(expirationSeconds !== undefined && { expirationSeconds }),
    })
    return ownFile(pod, path, token, defaultMode)
  }
  if (source.clusterTrustBundle) {
    const { path } = source.clusterTrustBundle
    return ownFile(pod, path, await sources.trustAnchors.read(source.clusterTrustBundle), defaultMode)
  }
  const [kind] = Object.keys(source)
  if (kind === undefined) return new Map()
  throw new VolumeError(`projected volume source ${kind} is not supported on this node`)
}

/** A file that is the pod's own: where all of it runs as one user, or as one group, nobody else reads it. */
function ownFile(pod: Pod, path: string, content: string, defaultMode: number): Payload {
  const user = commonUser(pod)
  const restricted = user !== undefined || pod.spec?.securityContext?.fsGroup !== undefined
  const mode = restricted ? tokenMode : defaultMode
  return new Map([[path, { content: Buffer.from(content), mode, ...(user !== undefined && { user }) }]])
}

/** The user all containers run as, when it is one: only it may read a token. */
function commonUser(pod: Pod): number | undefined {
  const { containers = [], initContainers = [], securityContext } = pod.spec ?? {}
  const users = new Set(
    [...initContainers, ...containers].map(
      (container) => container.securityContext?.runAsUser ?? securityContext?.runAsUser,
    ),
  )
  return users.size === 1 ? [...users][0] : undefined
}

async function optional<T>(get: Promise<T>, mayMiss: boolean | undefined): Promise<T | undefined> {
  try {
    return await get
  } catch (error) {
    if (isNotFound(error) && mayMiss) return undefined
    throw error
  }
}
