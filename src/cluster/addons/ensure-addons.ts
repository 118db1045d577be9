import {
  clusterRoleBindings,
  clusterRoles,
  serviceAccounts,
  services,
  storageClasses,
} from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import { dnsRole, dnsRoleBinding, dnsService, dnsServiceAccount } from './dns-addon.ts'
import {
  localPathRole,
  localPathRoleBinding,
  localPathServiceAccount,
  standardStorageClass,
} from './storage-addon.ts'

/** Makes what every cluster has beside the control plane, where it is not there. What a user has changed stays. */
export async function ensureAddons(client: Client, dnsAddress: string): Promise<void> {
  await ensure(client, serviceAccounts, dnsServiceAccount)
  await ensure(client, clusterRoles, dnsRole)
  await ensure(client, clusterRoleBindings, dnsRoleBinding)
  await ensure(client, services, dnsService(dnsAddress))
  await ensure(client, serviceAccounts, localPathServiceAccount)
  await ensure(client, clusterRoles, localPathRole)
  await ensure(client, clusterRoleBindings, localPathRoleBinding)
  await ensure(client, storageClasses, standardStorageClass)
}

/** Creates the object unless one of its name is there. */
export async function ensure<T extends KubernetesObject>(
  client: Client,
  resource: Resource<T>,
  object: T,
): Promise<void> {
  try {
    await client.create(resource, object)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
}
