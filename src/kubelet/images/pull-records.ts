import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { namesOf } from '../../machinery/image-reference.ts'
import { formatTime } from '../../machinery/time.ts'
import { ifThere } from '../if-there.ts'
import type { Image } from '../runtime/runtime.ts'
import { createTurns } from '../volumes/turns.ts'
import { repositoryOf, type VerificationPolicy } from './verification-policy.ts'

/** A pull secret, and what it says for one image, as a hash. */
export interface PullSecret {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  readonly credentialHash: string
}

/** What an image could be pulled with. */
export type PulledWith =
  | { readonly type: 'nothing' }
  | { readonly type: 'secret'; readonly secret: PullSecret }

/** Remembers with which credentials images were pulled, so that pods without them cannot have what others have. */
export interface PullRecords {
  /** The image is going to be pulled. Rejects where that cannot be written down: it must not be pulled then. */
  begin(image: string): Promise<void>
  /** It has been pulled. Never rejects: what cannot be written down is asked for again. */
  succeeded(image: string, imageID: string, pulledWith: PulledWith): Promise<void>
  failed(image: string): Promise<void>
  /** Whether a pod with these secrets may have the image that is here; `secrets` is asked for them when it matters. */
  mayUse(image: string, imageID: string, secrets: () => Promise<readonly PullSecret[]>): Promise<boolean>
  /** Forgets images that were not here since `sinceMs`. */
  prune(imageIDs: ReadonlySet<string>, sinceMs: number): Promise<void>
}

export interface PullRecordsOptions {
  readonly rootDirectory: string
  readonly policy: VerificationPolicy
  readonly images: () => Promise<readonly Image[]>
  readonly clock: Clock
  readonly log: Logger
}

/** `kubelet.config.k8s.io`, ImagePulledRecord: upstream's file of one image, named by the hash of its reference. */
interface ImagePulledRecord {
  readonly kind: 'ImagePulledRecord'
  readonly apiVersion: string
  readonly lastUpdatedTime: string
  readonly imageRef: string
  /** By the image's name without tag and digest. */
  readonly credentialMapping?: Readonly<Record<string, ImagePullCredentials>>
}

interface ImagePullCredentials {
  readonly kubernetesSecretCoordinates?: readonly PullSecret[]
  readonly nodePodsAccessible?: boolean
}

const apiVersion = 'kubelet.config.k8s.io/v1beta1'
/** Secrets of one image that are added because they say the same as others: namespaces come and go. */
const maxSecrets = 100

/** Everything may be used: for runtimes whose images are nobody's. */
export const noPullRecords: PullRecords = {
  begin: async () => {},
  succeeded: async () => {},
  failed: async () => {},
  mayUse: async () => true,
  prune: async () => {},
}

/** Turns pulls that a kubelet before has not seen the end of into records that allow nobody yet. */
export async function openPullRecords(options: PullRecordsOptions): Promise<PullRecords> {
  const { rootDirectory, policy, clock, log } = options
  const pulling = join(rootDirectory, 'image_manager', 'pulling')
  const pulled = join(rootDirectory, 'image_manager', 'pulled')
  const inTurn = createTurns()
  /** Pulls under way, by image. */
  const intents = new Map<string, number>()

  async function read(imageID: string): Promise<ImagePulledRecord | undefined> {
    const text = await ifThere(readFile(join(pulled, fileName(imageID)), 'utf8'))
    if (text === undefined) return undefined
    const record = JSON.parse(text) as ImagePulledRecord
    return record.imageRef === imageID ? record : undefined
  }

  async function add(image: string, imageID: string, credentials: ImagePullCredentials | undefined) {
    await inTurn(imageID, async () => {
      const repository = repositoryOf(image)
      if (repository === undefined) return
      const before = await read(imageID).catch((error: unknown) => {
        log.warn('a record of a pulled image cannot be read', { image, error })
        return undefined
      })
      const mapping = before?.credentialMapping ?? {}
      const merged = credentials && merge(mapping[repository], credentials)
      if (before && (merged === undefined || merged === mapping[repository])) return
      const record: ImagePulledRecord = {
        kind: 'ImagePulledRecord',
        apiVersion,
        lastUpdatedTime: formatTime(clock.now()),
        imageRef: imageID,
        credentialMapping: { ...mapping, ...(merged && { [repository]: merged }) },
      }
      await write(pulled, fileName(imageID), record)
    })
  }

  async function end(image: string): Promise<void> {
    const left = (intents.get(image) ?? 1) - 1
    if (left > 0) {
      intents.set(image, left)
      return
    }
    intents.delete(image)
    await rm(join(pulling, fileName(image)), { force: true }).catch((error: unknown) =>
      log.warn('a record of a pull cannot be removed', { image, error }),
    )
  }

  async function isPulling(image: string): Promise<boolean> {
    if (intents.has(image)) return true
    return (await ifThere(readFile(join(pulling, fileName(image))))) !== undefined
  }

  async function matches(
    credentials: ImagePullCredentials | undefined,
    secrets: () => Promise<readonly PullSecret[]>,
    remember: (secret: PullSecret) => Promise<void>,
  ): Promise<boolean> {
    if (credentials?.nodePodsAccessible) return true
    const known = credentials?.kubernetesSecretCoordinates ?? []
    if (known.length === 0) return false
    for (const secret of await secrets()) {
      const same = known.filter(
        (one) => isSameObject(one, secret) || one.credentialHash === secret.credentialHash,
      )
      if (same.length === 0) continue
      const isKnown = same.some(
        (one) => isSameObject(one, secret) && one.credentialHash === secret.credentialHash,
      )
      if (!isKnown && known.length < maxSecrets) await remember(secret)
      return true
    }
    return false
  }

  await settle()

  async function settle(): Promise<void> {
    const names = ((await ifThere(readdir(pulling))) ?? []).filter(isRecord)
    if (names.length === 0) return
    const images = await options.images()
    for (const name of names) {
      try {
        const { image } = JSON.parse(await readFile(join(pulling, name), 'utf8')) as { image: string }
        const names = namesOf(image)
        const found = images.find(({ repoTags, repoDigests }) =>
          [...repoTags, ...repoDigests].some((name) => names.includes(name)),
        )
        if (!found) continue
        await add(image, found.id, undefined)
        await rm(join(pulling, name), { force: true })
      } catch (error) {
        log.warn('a record of a pull cannot be read', { name, error })
      }
    }
  }

  return {
    async begin(image) {
      await write(pulling, fileName(image), { kind: 'ImagePullIntent', apiVersion, image })
      intents.set(image, (intents.get(image) ?? 0) + 1)
    },
    async succeeded(image, imageID, pulledWith) {
      try {
        await add(image, imageID, credentialsOf(pulledWith))
      } catch (error) {
        // That it was going to be pulled is still written down: nobody may use it unasked.
        log.warn('a record of a pulled image cannot be written', { image, error })
        return
      }
      await end(image)
    },
    failed: end,
    async mayUse(image, imageID, secrets) {
      try {
        const record = await read(imageID)
        const isPulled = record !== undefined || (await isPulling(image))
        if (!policy(image, isPulled)) return true
        const repository = repositoryOf(image)
        if (repository === undefined) return false
        const remember = (secret: PullSecret) =>
          add(image, imageID, credentialsOf({ type: 'secret', secret })).catch((error: unknown) =>
            log.warn('a record of a pulled image cannot be written', { image, error }),
          )
        return await matches(record?.credentialMapping?.[repository], secrets, remember)
      } catch (error) {
        log.warn('a record of a pulled image cannot be read', { image, error })
        return false
      }
    },
    async prune(imageIDs, sinceMs) {
      for (const name of ((await ifThere(readdir(pulled))) ?? []).filter(isRecord)) {
        try {
          const text = await readFile(join(pulled, name), 'utf8')
          const { imageRef, lastUpdatedTime } = JSON.parse(text) as ImagePulledRecord
          if (imageIDs.has(imageRef) || Date.parse(lastUpdatedTime) >= sinceMs) continue
          await rm(join(pulled, name), { force: true })
        } catch (error) {
          log.warn('a record of a pulled image cannot be read', { name, error })
        }
      }
    },
  }
}

function credentialsOf(pulledWith: PulledWith): ImagePullCredentials {
  return pulledWith.type === 'nothing'
    ? { nodePodsAccessible: true }
    : { kubernetesSecretCoordinates: [pulledWith.secret] }
}

/** Both together; the first, itself, where the other adds nothing. What anybody could pull anybody may use. */
function merge(before: ImagePullCredentials | undefined, added: ImagePullCredentials): ImagePullCredentials {
  if (before === undefined) return added
  if (before.nodePodsAccessible) return before
  if (added.nodePodsAccessible) return { nodePodsAccessible: true }
  const [secret] = added.kubernetesSecretCoordinates ?? []
  const known = before.kubernetesSecretCoordinates ?? []
  if (!secret) return before
  if (known.some((one) => isSameObject(one, secret) && one.credentialHash === secret.credentialHash))
    return before
  return { kubernetesSecretCoordinates: [...known.filter((one) => !isSameObject(one, secret)), secret] }
}

function isSameObject(a: PullSecret, b: PullSecret): boolean {
  return a.uid === b.uid && a.namespace === b.namespace && a.name === b.name
}

function fileName(key: string): string {
  return `sha256-${createHash('sha256').update(key).digest('hex')}`
}

function isRecord(name: string): boolean {
  return name.startsWith('sha256-') && !name.endsWith('.tmp')
}

async function write(directory: string, name: string, content: object): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, name)
  try {
    await writeFile(`${path}.tmp`, JSON.stringify(content), { mode: 0o600 })
    await rename(`${path}.tmp`, path)
  } catch (error) {
    await rm(`${path}.tmp`, { force: true })
    throw error
  }
}
