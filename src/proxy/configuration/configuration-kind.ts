import {
  anything,
  duration,
  file,
  flag,
  fraction,
  integer,
  listOf,
  mapOf,
  optional,
  struct,
  text,
} from '../../api/configuration/configuration-schema.ts'
import type { ConfigurationKind } from '../../api/configuration/decode-configuration.ts'
import type { FixedFields } from '../../api/configuration/fixed-fields.ts'

/** `kubeproxy.config.k8s.io/v1alpha1`, KubeProxyConfiguration: what of it this proxy acts on. Durations are Go's. */
export interface KubeProxyConfiguration {
  readonly clientConnection?: { readonly kubeconfig?: string }
  readonly hostnameOverride?: string
  readonly bindAddress?: string
  readonly healthzBindAddress?: string
  readonly metricsBindAddress?: string
  readonly bindAddressHardFail?: boolean
  readonly mode?: string
  readonly nftables?: {
    readonly masqueradeBit?: number
    readonly masqueradeAll?: boolean
    readonly syncPeriod?: string
    readonly minSyncPeriod?: string
  }
  readonly detectLocalMode?: string
  readonly detectLocal?: Readonly<Record<string, string>>
  readonly clusterCIDR?: string
  readonly nodePortAddresses?: readonly string[]
  readonly oomScoreAdj?: number
  readonly conntrack?: ConntrackConfiguration
}

export interface ConntrackConfiguration {
  readonly maxPerCore?: number
  readonly min?: number
  readonly tcpEstablishedTimeout?: string
  readonly tcpCloseWaitTimeout?: string
  readonly tcpBeLiberal?: boolean
  readonly udpTimeout?: string
  readonly udpStreamTimeout?: string
}

/** Fields that this proxy does not act on, with what it does anyhow. */
export const fixedFields: FixedFields = {
  featureGates: [mapOf(flag), {}],
  logging: [anything, { format: 'text' }],
  enableProfiling: [flag, false],
  showHiddenMetricsForVersion: [text, ''],
  configSyncPeriod: [duration, '15m0s'],
  windowsRunAsService: [flag, false],
}

export const fixedConnectionFields: FixedFields = {
  acceptContentTypes: [text, 'application/json'],
  contentType: [text, 'application/json'],
  qps: [fraction, 0],
  burst: [integer, 0],
}

export const fixedLocalFields: FixedFields = {
  bridgeInterface: [text, ''],
  interfaceNamePrefix: [text, ''],
}

const schemasOf = (fields: FixedFields) =>
  Object.fromEntries(Object.entries(fields).map(([name, [schema]]) => [name, schema]))

export const kubeProxyConfigurationKind: ConfigurationKind = {
  group: 'kubeproxy.config.k8s.io',
  version: 'v1alpha1',
  kind: 'KubeProxyConfiguration',
  schema: file({
    ...schemasOf(fixedFields),
    clientConnection: struct({ kubeconfig: text, ...schemasOf(fixedConnectionFields) }),
    hostnameOverride: text,
    bindAddress: text,
    healthzBindAddress: text,
    metricsBindAddress: text,
    bindAddressHardFail: flag,
    mode: text,
    nftables: struct({
      masqueradeBit: optional(integer),
      masqueradeAll: flag,
      syncPeriod: duration,
      minSyncPeriod: duration,
    }),
    // Of other modes, and of no use to this one: programs that write such files put them in.
    iptables: anything,
    ipvs: anything,
    winkernel: anything,
    portRange: text,
    detectLocalMode: text,
    detectLocal: struct(schemasOf(fixedLocalFields)),
    clusterCIDR: text,
    nodePortAddresses: listOf(text),
    oomScoreAdj: optional(integer),
    conntrack: struct({
      maxPerCore: optional(integer),
      min: optional(integer),
      tcpEstablishedTimeout: duration,
      tcpCloseWaitTimeout: duration,
      tcpBeLiberal: flag,
      udpTimeout: duration,
      udpStreamTimeout: duration,
    }),
  }),
}
