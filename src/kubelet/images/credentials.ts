import { createHash } from 'node:crypto'
import type { Secret } from '../../api/generated/core.v1.ts'
import type { RegistryAuth } from '../runtime/runtime.ts'
import { parseImageReference } from '../../machinery/image-reference.ts'
import type { PullSecret } from './pull-records.ts'

/** Credentials, and where they are from. */
export interface PullCredentials {
  readonly auth: RegistryAuth
  readonly secret: PullSecret
}

interface Entry {
  readonly username?: string
  readonly password?: string
  readonly auth?: string
  readonly identitytoken?: string
  readonly registrytoken?: string
}

/**
 * What the pull secrets of a pod say for an image, best match first: the longest registry path that is a prefix of the
 * image's name. Host names may hold `*` for one label. Types kubernetes.io/dockerconfigjson and dockercfg.
 */
export function credentialsFor(image: string, secrets: readonly Secret[]): readonly PullCredentials[] {
  const reference = parseImageReference(image)
  if (reference === undefined) return []
  const name = `${reference.registry}/${reference.repository}`
  const matches: { readonly location: string; readonly credentials: PullCredentials }[] = []
  for (const secret of secrets) {
    for (const [location, entry] of Object.entries(entriesOf(secret))) {
      const target = normalize(location)
      if (!covers(target, name)) continue
      const auth = authOf(entry)
      matches.push({ location: target, credentials: { auth, secret: pullSecretOf(secret, auth) } })
    }
  }
  return matches.sort((a, b) => b.location.length - a.location.length).map(({ credentials }) => credentials)
}

/** A hash instead of what the secret says: it is written down. */
function pullSecretOf({ metadata }: Secret, auth: RegistryAuth): PullSecret {
  const { uid = '', namespace = '', name = '' } = metadata ?? {}
  const credentialHash = createHash('sha256').update(JSON.stringify(auth)).digest('hex')
  return { uid, namespace, name, credentialHash }
}

function entriesOf(secret: Secret): Readonly<Record<string, Entry>> {
  const json = secret.data?.['.dockerconfigjson']
  if (json !== undefined) {
    const config = decode(json) as { auths?: Readonly<Record<string, Entry>> } | undefined
    return config?.auths ?? {}
  }
  const legacy = secret.data?.['.dockercfg']
  return legacy === undefined ? {} : ((decode(legacy) as Readonly<Record<string, Entry>> | undefined) ?? {})
}

/** A secret that is no JSON has no credentials; the pull then says that it is not allowed. */
function decode(base64: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString())
  } catch {
    return undefined
  }
}

/** `https://index.docker.io/v1/` and the like as the registry names of images. */
function normalize(location: string): string {
  const bare = location.replace(/^https?:\/\//, '').replace(/\/(v1|v2)?\/?$/, '')
  return bare.replace(/^index\.docker\.io/, 'docker.io')
}

function covers(location: string, name: string): boolean {
  const [host = '', ...path] = location.split('/')
  const [nameHost = '', ...namePath] = name.split('/')
  const labels = host.split('.')
  const nameLabels = nameHost.split('.')
  if (labels.length !== nameLabels.length) return false
  if (!labels.every((label, index) => label === '*' || label === nameLabels[index])) return false
  return `${namePath.join('/')}/`.startsWith(path.length === 0 ? '' : `${path.join('/')}/`)
}

/** Without the server's address: containerd takes none that is not a URL, and then leaves the credentials out. */
function authOf(entry: Entry): RegistryAuth {
  const decoded = entry.auth === undefined ? '' : Buffer.from(entry.auth, 'base64').toString()
  const colon = decoded.indexOf(':')
  const username = entry.username ?? (colon < 0 ? undefined : decoded.slice(0, colon))
  const password = entry.password ?? (colon < 0 ? undefined : decoded.slice(colon + 1))
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(entry.identitytoken !== undefined && { identityToken: entry.identitytoken }),
    ...(entry.registrytoken !== undefined && { registryToken: entry.registrytoken }),
  }
}
