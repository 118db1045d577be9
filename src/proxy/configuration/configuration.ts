import { decodeConfiguration } from '../../api/configuration/decode-configuration.ts'
import { fixedFieldErrors } from '../../api/configuration/fixed-fields.ts'
import { parseDuration } from '../../machinery/duration.ts'
import { forbidden, invalid, notSupported, path, type FieldError } from '../../machinery/field-error.ts'
import { parseCidr, parseIp } from '../../machinery/ip.ts'
import { nodePortWords } from '../node-port-addresses.ts'
import type { ListenAddress } from '../node-health.ts'
import type { ProxyOptions } from '../start.ts'
import {
  fixedConnectionFields,
  fixedFields,
  fixedLocalFields,
  kubeProxyConfigurationKind,
  type KubeProxyConfiguration,
} from './configuration-kind.ts'

/** What a KubeProxyConfiguration file says; what it does not say is absent. */
export interface ConfiguredProxy {
  readonly options: Partial<ProxyOptions>
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string
  /** The file itself, for /configz and for what is set at the machine. */
  readonly configuration: KubeProxyConfiguration
}

/**
 * Reads a KubeProxyConfiguration file, YAML or JSON. Throws an Error that names every mistake: also unknown fields, and
 * those that this proxy would not act on.
 */
export function readConfiguration(content: string): ConfiguredProxy {
  const configuration = decodeConfiguration(content, [kubeProxyConfigurationKind]) as KubeProxyConfiguration
  const errors = validate(configuration)
  if (errors.length > 0)
    throw new Error(errors.map(({ field, message }) => `${field}: ${message}`).join('\n'))
  const kubeconfig = configuration.clientConnection?.kubeconfig
  return { options: optionsOf(configuration), ...(kubeconfig && { kubeconfig }), configuration }
}

function optionsOf(configuration: KubeProxyConfiguration): Partial<ProxyOptions> {
  const { hostnameOverride, bindAddress, clusterCIDR, nodePortAddresses, nftables = {} } = configuration
  const anyAddress = isIPv6(bindAddress) ? '::' : '0.0.0.0'
  const loopback = isIPv6(bindAddress) ? '::1' : '127.0.0.1'
  const isOneAddress = bindAddress && bindAddress !== '0.0.0.0' && bindAddress !== '::'
  const [syncPeriodMs, minSyncPeriodMs] = [nftables.syncPeriod, nftables.minSyncPeriod].map(durationOf)
  return {
    ...(hostnameOverride && { nodeName: hostnameOverride }),
    ...(isOneAddress && { nodeAddresses: [bindAddress] }),
    ...(clusterCIDR && { podNetworks: clusterCIDR.split(',') }),
    ...(nodePortAddresses && nodePortAddresses.length > 0 && { nodePortAddresses }),
    ...(nftables.masqueradeBit !== undefined && { masqueradeBit: nftables.masqueradeBit }),
    ...(nftables.masqueradeAll && { masqueradeAll: true }),
    ...(syncPeriodMs && { syncPeriodMs }),
    ...(minSyncPeriodMs && { minSyncPeriodMs }),
    ...(configuration.bindAddressHardFail && { failsWithoutPorts: true }),
    health: listenAddress(configuration.healthzBindAddress || anyAddress, 10_256),
    metrics: listenAddress(configuration.metricsBindAddress || loopback, 10_249),
  }
}

function isIPv6(address: string | undefined): boolean {
  return address?.includes(':') ?? false
}

function durationOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text)
}

/** `192.0.2.1`, `192.0.2.1:10256`, `::1`, `[::1]:10256`. */
function listenAddress(text: string, defaultPort: number): ListenAddress {
  if (parseIp(text)) return { address: text, port: defaultPort }
  const [, address = '', port = ''] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(text) ?? []
  return { address, port: Number(port) }
}

const localModes = ['ClusterCIDR']

function validate(configuration: KubeProxyConfiguration): FieldError[] {
  const { clientConnection = {}, mode, detectLocalMode, clusterCIDR, nodePortAddresses = [] } = configuration
  const { nftables: { masqueradeBit } = {}, oomScoreAdj, bindAddress } = configuration
  const errors: FieldError[] = [
    ...fixedFieldErrors(configuration as Readonly<Record<string, unknown>>, fixedFields),
    ...fixedFieldErrors(clientConnection, fixedConnectionFields, path('clientConnection')),
    ...fixedFieldErrors(configuration.detectLocal ?? {}, fixedLocalFields, path('detectLocal')),
    ...portErrors(configuration),
    ...durationErrors(configuration),
  ]
  if (mode && mode !== 'nftables') errors.push(notSupported('mode', mode, ['nftables']))
  if (detectLocalMode && !localModes.includes(detectLocalMode)) {
    errors.push(notSupported('detectLocalMode', detectLocalMode, localModes))
  }
  if (bindAddress && !parseIp(bindAddress)) {
    errors.push(invalid('bindAddress', bindAddress, 'not a valid textual representation of an IP address'))
  }
  for (const network of clusterCIDR ? clusterCIDR.split(',') : []) {
    if (!parseCidr(network)) {
      errors.push(
        invalid(
          'clusterCIDR',
          clusterCIDR,
          'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dd4::/32)',
        ),
      )
    }
  }
  for (const [index, network] of nodePortAddresses.entries()) {
    const at = path('nodePortAddresses').index(index)
    if (network === 'localhost') {
      errors.push(forbidden(at, 'node ports never answer at the loopback with nftables'))
    } else if (!(nodePortWords as readonly string[]).includes(network) && !parseCidr(network)) {
      errors.push(
        invalid(
          at,
          network,
          'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dd4::/32) or a keyword',
        ),
      )
    }
  }
  if (masqueradeBit !== undefined && (masqueradeBit < 0 || masqueradeBit > 31)) {
    errors.push(invalid('nftables.masqueradeBit', masqueradeBit, 'must be within the range [0, 31]'))
  }
  if (oomScoreAdj !== undefined && (oomScoreAdj < -1000 || oomScoreAdj > 1000)) {
    errors.push(invalid('oomScoreAdj', oomScoreAdj, 'must be within the range [-1000, 1000]'))
  }
  return errors
}

function portErrors(configuration: KubeProxyConfiguration): FieldError[] {
  return (['healthzBindAddress', 'metricsBindAddress'] as const).flatMap((field) => {
    const text = configuration[field]
    if (!text) return []
    const { address, port } = listenAddress(text, 1)
    return parseIp(address) && port <= 65_535 ? [] : [invalid(field, text, 'must be IP:port')]
  })
}

function durationErrors({ nftables = {}, conntrack = {} }: KubeProxyConfiguration): FieldError[] {
  const errors: FieldError[] = []
  const times = { ...nftables, ...conntrack }
  for (const [name, value] of Object.entries(times)) {
    const at = path(name in nftables ? 'nftables' : 'conntrack').child(name)
    const isNegative =
      typeof value === 'string' ? parseDuration(value) < 0 : typeof value === 'number' && value < 0
    if (isNegative) errors.push(invalid(at, value, 'must be greater than or equal to 0'))
  }
  const { syncPeriod, minSyncPeriod } = nftables
  if (syncPeriod && minSyncPeriod && parseDuration(minSyncPeriod) > parseDuration(syncPeriod)) {
    errors.push(invalid('nftables.syncPeriod', syncPeriod, 'must be greater than or equal to minSyncPeriod'))
  }
  return errors
}
