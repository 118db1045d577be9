/** An address and a port to listen at. */
export interface ListenAddress {
  /** Absent: that of the DNS server. */
  readonly address?: string
  readonly port: number
}

/** What a Corefile says, understood. Domains are lower case without dots at their ends; '' is the root. */
export interface DnsConfiguration {
  /** A question goes to the one with the longest zone that it is below. */
  readonly servers: readonly ServerConfiguration[]
}

/** One server block. What is absent is not done. Source: the plugins of CoreDNS of the same names. */
export interface ServerConfiguration {
  readonly zones: readonly string[]
  readonly errors: boolean
  readonly log: boolean
  readonly health?: ListenAddress & { readonly lameduckMs: number }
  readonly ready?: ListenAddress
  readonly prometheus?: ListenAddress
  /** Addresses of an answer come in another order each time. */
  readonly loadbalance: boolean
  readonly cache?: CacheConfiguration
  readonly rewrites: readonly Rewrite[]
  readonly hosts?: HostsConfiguration
  readonly kubernetes?: KubernetesConfiguration
  /** Whether to look once if questions to the upstream servers come back here. */
  readonly loop: boolean
  /** In the order they are tried: each for the names below its zone. */
  readonly forwards: readonly ForwardConfiguration[]
}

export interface CacheConfiguration {
  readonly zones: readonly string[]
  readonly success: CacheLimits
  readonly denial: CacheLimits
  /** How long failures of upstream servers are kept. */
  readonly servfailSeconds: number
  /** Below these, answers or denials are not kept. */
  readonly disabled: { readonly success: readonly string[]; readonly denial: readonly string[] }
}

export interface CacheLimits {
  readonly capacity: number
  readonly maxTtlSeconds: number
  readonly minTtlSeconds: number
}

export interface Rewrite {
  readonly match: 'exact' | 'prefix' | 'suffix' | 'substring'
  readonly from: string
  readonly to: string
  /** Later rules look at the new name. */
  readonly continues: boolean
}

/** Undefined: names that are not found do not exist. Else questions below these zones go on to what comes next. */
export type Fallthrough = readonly string[] | undefined

export interface HostsConfiguration {
  readonly zones: readonly string[]
  readonly entries: readonly { readonly address: string; readonly names: readonly string[] }[]
  readonly ttlSeconds: number
  readonly reverse: boolean
  readonly fallthrough: Fallthrough
}

export interface KubernetesConfiguration {
  /** Of names, and those of reverse names. */
  readonly zones: readonly string[]
  readonly pods: 'disabled' | 'insecure' | 'verified'
  readonly ttlSeconds: number
  readonly fallthrough: Fallthrough
}

export interface ForwardConfiguration {
  readonly zone: string
  /** Zones below it that are not forwarded. */
  readonly except: readonly string[]
  readonly upstreams: readonly UpstreamAddress[]
  readonly policy: 'random' | 'round_robin' | 'sequential'
  /** Else over UDP, and again over TCP when an answer was cut. */
  readonly forceTcp: boolean
  /** 0: no limit. */
  readonly maxConcurrent: number
  /** Failures in a row after which a server is left out; 0: never. */
  readonly maxFails: number
  /** How often one that is left out is asked whether it is back. */
  readonly healthCheckMs: number
}

export interface UpstreamAddress {
  readonly address: string
  readonly port: number
}

/** Whether `name` is `zone` or below it. */
export function isBelow(name: string, zone: string): boolean {
  return zone === '' || name === zone || (name.endsWith(zone) && name.at(-zone.length - 1) === '.')
}

/** The longest of `zones` that `name` is below. */
export function longestZone(name: string, zones: readonly string[]): string | undefined {
  let longest: string | undefined
  for (const zone of zones) {
    if (isBelow(name, zone) && zone.length >= (longest?.length ?? 0)) longest = zone
  }
  return longest
}
