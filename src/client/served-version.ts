import type { APIResourceList } from '../api/generated/meta.v1.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../machinery/resource.ts'
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

/** What the API server serves beside a resource, subresources too. Rejects with not found where it has no such version. */
export async function resourcesBeside(
  client: Client,
  resource: Resource,
): Promise<APIResourceList['resources']> {
  const root = resource.group === '' ? '/api' : '/apis'
  const list = JSON.parse(await client.raw(`${root}/${apiVersionOf(resource)}`)) as APIResourceList
  return list.resources
}

async function isServed(client: Client, resource: Resource): Promise<boolean> {
  try {
    return (await resourcesBeside(client, resource)).some(({ name }) => name === resource.resource)
  } catch (error) {
    if (isNotFound(error)) return false
    throw error
  }
}
