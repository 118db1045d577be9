import type { APIResourceList } from '../api/generated/meta.v1.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import type { Resource } from '../machinery/resource.ts'
import { isNotFound } from '../machinery/status-errors.ts'
import type { Client } from './client.ts'

/**
 * The first of these that the API server serves: for resources that it may serve in several versions, or not at all.
 * Rejects where it cannot be asked.
 */
export async function servedVersion<T extends KubernetesObject>(
  client: Client,
  candidates: readonly Resource<T>[],
): Promise<Resource<T> | undefined> {
  for (const candidate of candidates) if (await isServed(client, candidate)) return candidate
  return undefined
}

async function isServed(client: Client, { group, version, resource }: Resource): Promise<boolean> {
  try {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
    const list = JSON.parse(await client.raw(path)) as APIResourceList
    return list.resources.some(({ name }) => name === resource)
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}
