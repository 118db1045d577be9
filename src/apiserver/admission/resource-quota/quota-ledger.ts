import type { ResourceQuota } from '../../../api/generated/core.v1.ts'
import { resourceQuotas } from '../../../api/generated/resources.ts'
import {
  addResources,
  maskResources,
  subtractResources,
  type ResourceList,
} from '../../../api/quota/resource-list.ts'
import type { StatusError } from '../../../machinery/status.ts'
import { conflict, isNotFound } from '../../../machinery/status-errors.ts'
import type { Objects } from '../../objects.ts'

/** A quota is not what it was when it was looked at; 409 for the client when that happens again and again. */
export class StaleQuotaError extends Error {
  readonly status: StatusError

  constructor(name: string) {
    super(`quota ${name} has changed`)
    this.name = 'StaleQuotaError'
    this.status = conflict(resourceQuotas, name)
  }
}

/**
 * The quotas as this server knows them and writes them: the caches', or newer where this server has just written one
 * and the cache has not seen it yet.
 */
export class QuotaLedger {
  readonly #objects: Objects
  /** By namespace and name: what this server has written or read from the store, and the cache has not seen yet. */
  readonly #newer = new Map<string, Map<string, ResourceQuota>>()

  constructor(objects: Objects) {
    this.#objects = objects
  }

  quotas(namespace: string): readonly ResourceQuota[] {
    const cached = this.#objects.list(resourceQuotas, namespace)
    const newer = this.#newer.get(namespace)
    if (!newer) return cached
    const stillNewer = new Map<string, ResourceQuota>()
    const quotas = cached.map((quota) => {
      const name = quota.metadata?.name ?? ''
      const written = newer.get(name)
      if (!written || versionOf(quota) >= versionOf(written)) return quota
      stillNewer.set(name, written)
      return written
    })
    if (stillNewer.size > 0) this.#newer.set(namespace, stillNewer)
    else this.#newer.delete(namespace)
    return quotas
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
    const newer = this.#newer.get(namespace) ?? new Map<string, ResourceQuota>()
    this.#newer.set(namespace, newer.set(name, quota))
  }
}

function versionOf({ metadata }: ResourceQuota): bigint {
  return BigInt(metadata?.resourceVersion ?? 0)
}
