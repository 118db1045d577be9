import type { ResourceQuota } from '../../../api/generated/core.v1.ts'
import { resourceQuotas } from '../../../api/generated/resources.ts'
import {
  addResources,
  maskResources,
  subtractResources,
  type ResourceList,
} from '../../../api/quota/resource-list.ts'
import { isNotFound } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'

/** A quota is not what it was when it was looked at. */
export class StaleQuotaError extends Error {
  constructor(name: string) {
    super(`quota ${name} has changed`)
    this.name = 'StaleQuotaError'
  }
}

/**
 * The quotas as this server knows them and writes them: the caches', or newer where this server has just written one
 * and the cache has not seen it yet.
 */
export class QuotaLedger {
  readonly #objects: Objects
  /** By `namespace/name`: what this server has written or read from the store. */
  readonly #newer = new Map<string, ResourceQuota>()

  constructor(objects: Objects) {
    this.#objects = objects
  }

  quotas(namespace: string): readonly ResourceQuota[] {
    return this.#objects.list(resourceQuotas, namespace).map((cached) => {
      const key = `${namespace}/${cached.metadata?.name ?? ''}`
      const newer = this.#newer.get(key)
      if (!newer) return cached
      const isCaughtUp = newer.metadata?.uid !== cached.metadata?.uid || versionOf(cached) >= versionOf(newer)
      if (isCaughtUp) this.#newer.delete(key)
      return isCaughtUp ? cached : newer
    })
  }

  /** Reads the namespace's quotas from the store. */
  async refresh(namespace: string): Promise<void> {
    await Promise.all(
      this.quotas(namespace).map(async ({ metadata }) => {
        const latest = await this.#objects.getLatest(resourceQuotas, {
          namespace,
          name: metadata?.name ?? '',
        })
        if (latest) this.#remember(latest)
      }),
    )
  }

  /** Adds to what `quota` uses. Throws StaleQuotaError when the quota is another one by now, or gone. */
  async charge(quota: ResourceQuota, delta: ResourceList): Promise<void> {
    const { name = '', namespace = '', resourceVersion } = quota.metadata ?? {}
    try {
      await this.#change(namespace, name, (used, current) => {
        if (current !== resourceVersion) throw new StaleQuotaError(name)
        return addResources(used, delta)
      })
    } catch (error) {
      throw isNotFound(error) ? new StaleQuotaError(name) : error
    }
  }

  /** Takes back what `charge` added; nothing when the quota is gone. */
  async giveBack(namespace: string, name: string, delta: ResourceList): Promise<void> {
    try {
      await this.#change(namespace, name, (used) => {
        const names = Object.keys(delta).filter((resource) => used[resource] !== undefined)
        return { ...used, ...subtractResources(maskResources(used, names), maskResources(delta, names)) }
      })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  async #change(
    namespace: string,
    name: string,
    newUsage: (used: ResourceList, resourceVersion: string | undefined) => ResourceList,
  ): Promise<void> {
    const written = await this.#objects.change(
      resourceQuotas,
      { namespace, name },
      (quota) => {
        const status = (quota.status ??= {})
        status.used = { ...newUsage(status.used ?? {}, quota.metadata?.resourceVersion) }
      },
      { subresource: 'status' },
    )
    this.#remember(written)
  }

  #remember(quota: ResourceQuota): void {
    const { namespace = '', name = '' } = quota.metadata ?? {}
    this.#newer.set(`${namespace}/${name}`, quota)
  }
}

function versionOf({ metadata }: ResourceQuota): bigint {
  return BigInt(metadata?.resourceVersion ?? 0)
}
