import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from '../../api/generated/core.v1.ts'
import { ifThere } from '../if-there.ts'
import type { IDMapping, RuntimeHandler } from '../runtime/runtime.ts'
import { podDirectory } from '../volumes/pod-directory.ts'
import type { IDRange } from './id-range.ts'

/** Gives every pod with `hostUsers: false` users and groups of the node that no other pod has. */
export interface UserNamespaces {
  /**
   * The ids of the pod's user namespace, the same as long as the pod is on this node, also when the kubelet starts
   * again; undefined for pods that have the node's users. Rejects, in upstream's words, where the runtime's handler
   * cannot make such a namespace, or all ids are taken.
   */
  mappingOf(pod: Pod, runtimeHandler: string): Promise<IDMapping | undefined>
  /** The pod has ended, and its files are gone: others may be given its ids. */
  release(podUID: string): void
}

export interface UserNamespacesOptions {
  readonly rootDirectory: string
  readonly range: IDRange
  readonly idsPerPod: number
  /** What the runtime can do; undefined while it is not known. */
  readonly handlers: () => readonly RuntimeHandler[] | undefined
}

/** The layout of upstream's file, `pods/<uid>/userns` below the kubelet's root directory. */
interface Stored {
  readonly uidMappings: readonly StoredMapping[]
  readonly gidMappings: readonly StoredMapping[]
}

interface StoredMapping {
  readonly hostId: number
  readonly containerId: number
  readonly length: number
}

const fileName = 'userns'

/** Knows what pods of kubelets before have been given. Rejects where that cannot be understood: it may be in use. */
export async function openUserNamespaces(options: UserNamespacesOptions): Promise<UserNamespaces> {
  const { rootDirectory, range, idsPerPod, handlers } = options
  const slots = Math.floor(range.length / idsPerPod)
  const slotsByPod = new Map<string, number>()
  const taken = new Set<number>()
  /** Of pods whose ids are not on the disk yet. */
  const underWay = new Map<string, Promise<void>>()
  let next = 0

  for (const uid of (await ifThere(readdir(join(rootDirectory, 'pods')))) ?? []) {
    const text = await ifThere(readFile(fileOf(uid), 'utf8'))
    if (text === undefined) continue
    const slot = slotOf(text, uid)
    if (taken.has(slot)) throw new Error(`user namespace: range picked for pod "${uid}" already taken`)
    take(uid, slot)
  }

  function fileOf(podUID: string): string {
    return join(podDirectory(rootDirectory, podUID).path, fileName)
  }

  function slotOf(text: string, podUID: string): number {
    const { hostId, length } = parseMapping(text, fileOf(podUID))
    const slot = (hostId - range.first) / idsPerPod
    if (length !== idsPerPod) throw new Error(`user namespace: wrong user namespace length ${length}`)
    if (!Number.isInteger(slot)) throw new Error(`user namespace: wrong user namespace offset ${hostId}`)
    if (slot < 0 || slot >= slots) throw new Error(`user namespace: id ${hostId} is out of range`)
    return slot
  }

  function take(podUID: string, slot: number): void {
    slotsByPod.set(podUID, slot)
    taken.add(slot)
  }

  /** The one after the last given: what a pod has left behind is not the next pod's. */
  function freeSlot(): number {
    for (let tries = 0; tries < slots; tries++) {
      const slot = (next + tries) % slots
      if (taken.has(slot)) continue
      next = slot + 1
      return slot
    }
    throw new Error('create user namespace: could not find an empty slot to allocate a user namespace')
  }

  function mappingAt(slot: number): IDMapping {
    return { hostID: range.first + slot * idsPerPod, containerID: 0, length: idsPerPod }
  }

  async function record(podUID: string, mapping: IDMapping): Promise<void> {
    try {
      await write(fileOf(podUID), mapping)
    } catch (error) {
      release(podUID)
      const words = error instanceof Error ? error.message : String(error)
      throw new Error(`create user namespace: ${words}`, { cause: error })
    }
  }

  function release(podUID: string): void {
    const slot = slotsByPod.get(podUID)
    if (slot === undefined) return
    slotsByPod.delete(podUID)
    taken.delete(slot)
  }

  function checkSupport(runtimeHandler: string): void {
    const known = handlers()
    const handler = known?.find(({ name }) => name === runtimeHandler)
    if (handler?.userNamespaces) return
    const who = runtimeHandler === '' ? 'runtime' : `RuntimeClass handler ${JSON.stringify(runtimeHandler)}`
    const why =
      known === undefined
        ? ': runtime handlers are not set'
        : handler === undefined
          ? `: the handler ${JSON.stringify(runtimeHandler)} is not known`
          : ''
    throw new Error(`can't set \`spec.hostUsers: false\`, ${who} does not support user namespaces${why}`)
  }

  return {
    async mappingOf(pod, runtimeHandler) {
      if (pod.spec?.hostUsers !== false) return undefined
      checkSupport(runtimeHandler)
      const uid = pod.metadata?.uid ?? ''
      const given = slotsByPod.get(uid)
      if (given !== undefined) {
        await underWay.get(uid)
        return mappingAt(given)
      }
      const slot = freeSlot()
      take(uid, slot)
      const writing = record(uid, mappingAt(slot)).finally(() => underWay.delete(uid))
      underWay.set(uid, writing)
      await writing
      return mappingAt(slot)
    },
    release,
  }
}

/** Where nothing of a pod touches this machine, nobody is given ids of it. */
export const noUserNamespaces: UserNamespaces = {
  async mappingOf(pod) {
    if (pod.spec?.hostUsers !== false) return undefined
    throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces")
  },
  release: () => {},
}

function parseMapping(text: string, file: string): StoredMapping {
  const refuse = (why: string) => new Error(`user namespace: invalid mappings file ${file}: ${why}`)
  let stored: Partial<Stored>
  try {
    stored = JSON.parse(text) as Partial<Stored>
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error))
  }
  const [users, ...more] = stored.uidMappings ?? []
  const [groups, ...moreGroups] = stored.gidMappings ?? []
  if (!users || !groups || more.length + moreGroups.length > 0) throw refuse('there must be one mapping')
  if (users.hostId !== groups.hostId || users.length !== groups.length) {
    throw refuse('GID and UID mapping should be identical')
  }
  if (users.containerId !== 0 || groups.containerId !== 0) throw refuse('UID 0 must be mapped')
  return users
}

/** On the disk when it resolves: the ids must not be given again after the machine has gone down. */
async function write(file: string, { hostID, containerID, length }: IDMapping): Promise<void> {
  const mapping: StoredMapping = { hostId: hostID, containerId: containerID, length }
  const stored: Stored = { uidMappings: [mapping], gidMappings: [mapping] }
  const directory = join(file, '..')
  await mkdir(directory, { recursive: true, mode: 0o750 })
  const staging = `${file}.new`
  try {
    await synced(staging, 'w', (handle) => handle.writeFile(JSON.stringify(stored)))
    await rename(staging, file)
  } catch (error) {
    await rm(staging, { force: true })
    throw error
  }
  await synced(directory, 'r', async () => {})
}

async function synced(
  path: string,
  flags: string,
  work: (handle: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const handle = await open(path, flags, 0o600)
  try {
    await work(handle)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
