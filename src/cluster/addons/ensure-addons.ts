import {
  clusterRoleBindings,
  clusterRoles,
  configMaps,
  roleBindings,
  roles,
  serviceAccounts,
  services,
  storageClasses,
} from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import {
  approverBinding,
  approverRole,
  clusterInfo,
  clusterInfoReader,
  clusterInfoReaders,
  joinBindings,
  proxyConfiguration,
  proxyConfigurationReader,
  proxyConfigurationReaders,
} from './join-addon.ts'
import {
  dnsConfiguration,
  dnsConfigurationReader,
  dnsConfigurationReaders,
  dnsRole,
  dnsRoleBinding,
  dnsService,
  dnsServiceAccount,
} from './dns-addon.ts'
import {
  nodeComponentBindings,
  nodeComponentRoles,
  proxyConfigurationOnNodes,
} from './node-components-addon.ts'
import {
  localPathRole,
  localPathRoleBinding,
  localPathServiceAccount,
  standardStorageClass,
} from './storage-addon.ts'

export interface AddonOptions {
  /** Of the Service of cluster DNS. */
  readonly dnsAddress: string
  /** `https://HOST:PORT`, where machines that join reach the API server. */
  readonly server: string
  /** Who signed the certificate that it shows. */
  readonly authorityPem: string
  /** Addresses of all pods: what nodes' proxies are told. */
  readonly podCidr: string
}

/** Makes what every cluster has beside the control plane, where it is not there. What a user has changed stays. */
export async function ensureAddons(client: Client, options: AddonOptions): Promise<void> {
  await Promise.all([
    ensure(client, serviceAccounts, dnsServiceAccount),
    ensure(client, clusterRoles, dnsRole),
    ensure(client, clusterRoleBindings, dnsRoleBinding),
    ensure(client, services, dnsService(options.dnsAddress)),
    ensure(client, configMaps, dnsConfiguration('cluster.local')),
    ensure(client, roles, dnsConfigurationReader),
    ensure(client, roleBindings, dnsConfigurationReaders),
    ensure(client, serviceAccounts, localPathServiceAccount),
    ensure(client, clusterRoles, localPathRole),
    ensure(client, clusterRoleBindings, localPathRoleBinding),
    ensure(client, storageClasses, standardStorageClass),
    ensure(client, roles, clusterInfoReader),
    ensure(client, roleBindings, clusterInfoReaders),
    ensure(client, clusterRoles, approverRole),
    ensure(client, clusterRoleBindings, approverBinding),
    ...joinBindings.map((binding) => ensure(client, clusterRoleBindings, binding)),
    ...nodeComponentRoles.map((role) => ensure(client, clusterRoles, role)),
    ...nodeComponentBindings.map((binding) => ensure(client, clusterRoleBindings, binding)),
    ensure(client, roleBindings, proxyConfigurationOnNodes),
    ensure(client, configMaps, proxyConfiguration(options.podCidr)),
    ensure(client, roles, proxyConfigurationReader),
    ensure(client, roleBindings, proxyConfigurationReaders),
    publishClusterInfo(client, options),
  ])
}

/** The address may be another one than when the cluster was last up. */
async function publishClusterInfo(client: Client, { server, authorityPem }: AddonOptions): Promise<void> {
  const wanted = clusterInfo(server, authorityPem)
  try {
    await client.create(configMaps, wanted)
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    const { namespace = '', name = '' } = wanted.metadata ?? {}
    await client.patch(
      configMaps,
      { namespace, name },
      { type: 'merge', body: { data: { kubeconfig: wanted.data?.['kubeconfig'] } } },
    )
  }
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
