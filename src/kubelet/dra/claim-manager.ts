import type { Pod } from '../../api/generated/core.v1.ts'
import type { ResourceClaim } from '../../api/generated/resource.v1.ts'
import { resourceClaims } from '../../api/generated/resources.ts'
import { isReservedFor, podClaimName, whyNotForPod } from '../../api/resource/pod-claims.ts'
import type { Client } from '../../client/client.ts'
import type { Logger } from '../../machinery/log.ts'
import { podUID, type AnyContainer } from '../pods/pod.ts'
import { readClaims, writeClaims, type ClaimRecord } from './claim-checkpoint.ts'
import type { DraDrivers } from './dra-drivers.ts'

export interface ClaimManagerOptions {
  /** `<kubelet root>/dra_manager_state`. */
  readonly file: string
  readonly client: Client
  readonly drivers: DraDrivers
  readonly log: Logger
}

/**
 * Has drivers make ready what ResourceClaims have been given before pods use it, and take it back when the last pod has
 * ended. Source: kubernetes/pkg/kubelet/cm/dra.
 */
export interface ClaimManager {
  /** Idempotent. Rejects, in upstream's words, when a claim or its driver is not ready. */
  prepare(pod: Pod): Promise<void>
  /** Rejects when a driver does not take something back: it must be asked again. Idempotent. */
  release(podUID: string): Promise<void>
  /** The CDI devices that a container was given. Throws where one of its claims was not prepared. */
  cdiDevices(pod: Pod, container: AnyContainer): readonly string[]
  /** The pods that have, or may have, prepared claims. */
  podUIDs(): ReadonlySet<string>
}

/** A claim, and the names by which the pod's containers refer to it. */
interface PodClaim {
  /** Of spec.resourceClaims; undefined for the claim of the pod's extended resources. */
  readonly entry: string | undefined
  readonly claimName: string
}

export async function createClaimManager(options: ClaimManagerOptions): Promise<ClaimManager> {
  const { file, client, drivers, log } = options
  const before = await readClaims(file).catch((error: unknown) => {
    log.error('reading which claims are prepared failed', { file, error })
    return []
  })
  const claims = new Map(before.map((claim) => [keyOf(claim), claim]))
  const locks = new Map<string, Promise<unknown>>()
  let saving: Promise<unknown> = Promise.resolve()

  /** What is done about one claim is done one after the other. */
  async function locked<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (locks.get(key) ?? Promise.resolve()).then(work, work)
    const settled = result.catch(() => undefined)
    locks.set(key, settled)
    try {
      return await result
    } finally {
      if (locks.get(key) === settled) locks.delete(key)
    }
  }

  async function put(claim: ClaimRecord): Promise<void> {
    if (claim.podUIDs.length > 0) claims.set(keyOf(claim), claim)
    else claims.delete(keyOf(claim))
    const saved = saving.then(
      () => writeClaims(file, claims.values()),
      () => writeClaims(file, claims.values()),
    )
    saving = saved
    await saved
  }

  async function fetchClaim(pod: Pod, entry: NonNullable<ReturnType<typeof claimsOf>>[number]) {
    const namespace = pod.metadata?.namespace ?? ''
    const { name, isGenerated } = entry
    const claim = await client.get(resourceClaims, { namespace, name }).catch((error: unknown) => {
      throw new Error(
        `fetch ResourceClaim ${name}: ${error instanceof Error ? error.message : String(error)}`,
      )
    })
    const stranger = isGenerated ? whyNotForPod(claim, pod) : undefined
    if (stranger !== undefined) throw new Error(stranger)
    if (!isReservedFor(claim, pod)) {
      throw new Error(
        `pod ${pod.metadata?.name} (${podUID(pod)}) is not allowed to use ResourceClaim ${name} (${claim.metadata?.uid})`,
      )
    }
    for (const driver of driversOf(claim)) drivers.get(driver)
    return claim
  }

  async function prepareClaim(claim: ResourceClaim, uid: string): Promise<void> {
    const { name = '', namespace = '', uid: claimUID = '' } = claim.metadata ?? {}
    const key = `${namespace}/${name}`
    const known = claims.get(key)
    if (known && known.uid !== claimUID) {
      throw new Error(
        `old ResourceClaim with same name ${name} and different UID ${known.uid} still exists (previous pod force-deleted?!)`,
      )
    }
    let record: ClaimRecord = known ?? {
      uid: claimUID,
      name,
      namespace,
      podUIDs: [],
      drivers: Object.fromEntries(driversOf(claim).map((driver) => [driver, null])),
    }
    // It is kept before a driver is asked: what was asked for must be taken back.
    if (!record.podUIDs.includes(uid)) {
      record = { ...record, podUIDs: [...record.podUIDs, uid] }
      await put(record)
    }
    for (const [driver, devices] of Object.entries(record.drivers)) {
      if (devices !== null) continue
      const prepared = await drivers.get(driver).prepare({ uid: claimUID, name, namespace })
      record = { ...record, drivers: { ...record.drivers, [driver]: prepared } }
      await put(record)
    }
  }

  async function releaseClaim(key: string, uid: string): Promise<void> {
    const record = claims.get(key)
    if (!record?.podUIDs.includes(uid)) return
    const { name, namespace, uid: claimUID } = record
    if (record.podUIDs.length === 1) {
      for (const driver of Object.keys(record.drivers)) {
        await drivers.get(driver).unprepare({ uid: claimUID, name, namespace })
      }
    }
    await put({ ...record, podUIDs: record.podUIDs.filter((other) => other !== uid) })
  }

  return {
    async prepare(pod) {
      // Nothing is asked of any driver while something else is wanting: such a pod can go without one.
      const found: ResourceClaim[] = []
      for (const entry of claimsOf(pod)) found.push(await fetchClaim(pod, entry))
      for (const claim of found) {
        const { namespace, name } = claim.metadata ?? {}
        await locked(`${namespace}/${name}`, () => prepareClaim(claim, podUID(pod)))
      }
    },
    async release(uid) {
      const own = [...claims].filter(([, { podUIDs }]) => podUIDs.includes(uid))
      for (const [key] of own) await locked(key, () => releaseClaim(key, uid))
    },
    cdiDevices(pod, container) {
      const namespace = pod.metadata?.namespace ?? ''
      const wishes = wishesOf(pod, container)
      const ids = wishes.flatMap(({ claimName, request }) => {
        const record = claims.get(`${namespace}/${claimName}`)
        if (!record)
          throw new Error(`internal error: unable to get claim info for ResourceClaim ${claimName}`)
        return Object.values(record.drivers)
          .flatMap((devices) => devices ?? [])
          .filter(({ requestNames }) => isFor(requestNames, request))
          .flatMap(({ cdiDeviceIDs }) => cdiDeviceIDs)
      })
      return [...new Set(ids)]
    },
    podUIDs: () => new Set([...claims.values()].flatMap(({ podUIDs }) => podUIDs)),
  }
}

function isFor(requestNames: readonly string[], request: string | undefined): boolean {
  return request === undefined || requestNames.length === 0 || requestNames.includes(request)
}

function keyOf({ namespace, name }: Pick<ClaimRecord, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`
}

/** Throws where a claim has not been allocated. */
function driversOf({ metadata, status }: ResourceClaim): readonly string[] {
  const allocation = status?.allocation
  if (!allocation) throw new Error(`ResourceClaim ${metadata?.name}: not allocated`)
  return [...new Set((allocation.devices?.results ?? []).map(({ driver }) => driver))]
}

/** The claims that a pod has. Throws where one of them is not there yet. */
function claimsOf(pod: Pod) {
  const named = (pod.spec?.resourceClaims ?? []).flatMap((entry) => {
    const found = podClaimName(pod, entry)
    switch (found.type) {
      case 'named':
        return [{ entry: entry.name, name: found.name, isGenerated: found.isGenerated }]
      case 'notNeeded':
        return []
      case 'notCreated':
      case 'unknown':
        throw new Error(found.reason)
    }
  })
  const extended = pod.status?.extendedResourceClaimStatus?.resourceClaimName
  return extended === undefined ? named : [...named, { entry: undefined, name: extended, isGenerated: false }]
}

/** What of which claim a container uses; a request of undefined is all of it. */
function wishesOf(pod: Pod, container: AnyContainer) {
  const byEntry = new Map<string | undefined, PodClaim>(
    claimsOf(pod).map(({ entry, name }) => [entry, { entry, claimName: name }]),
  )
  const named = (container.resources?.claims ?? []).flatMap(({ name, request }) => {
    const claim = byEntry.get(name)
    return claim ? [{ claimName: claim.claimName, request: request || undefined }] : []
  })
  const extended = pod.status?.extendedResourceClaimStatus
  const mapped = (extended?.requestMappings ?? [])
    .filter(({ containerName }) => containerName === container.name)
    .map(({ requestName }) => ({ claimName: extended?.resourceClaimName ?? '', request: requestName }))
  return [...named, ...mapped]
}
