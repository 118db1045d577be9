import { decodeConfiguration, type ConfigurationKind } from '../../api/configuration/decode-configuration.ts'
import {
  duration,
  file,
  flag,
  fraction,
  integer,
  listOf,
  longInteger,
  optional,
  struct,
  text,
} from '../../api/configuration/configuration-schema.ts'
import { extensionPoints, type ExtensionPoint } from '../profile.ts'
import { validateConfiguration } from './validate-configuration.ts'

/** `kubescheduler.config.k8s.io/v1`, KubeSchedulerConfiguration: what of it the scheduler itself acts on. */
export interface SchedulerConfiguration {
  readonly percentageOfNodesToScore?: number
  readonly podInitialBackoffSeconds: number
  readonly podMaxBackoffSeconds: number
  readonly profiles: readonly ProfileConfiguration[]
  readonly extenders: readonly ExtenderConfiguration[]
}

export interface ProfileConfiguration {
  readonly schedulerName?: string
  readonly percentageOfNodesToScore?: number
  readonly plugins?: PluginsConfiguration
  readonly pluginConfig?: readonly { readonly name: string; readonly args?: unknown }[]
}

export type PluginsConfiguration = { readonly [Point in ExtensionPoint | 'multiPoint']?: PluginSet }

export interface PluginSet {
  readonly enabled?: readonly { readonly name: string; readonly weight?: number }[]
  /** `*`: all the default ones. */
  readonly disabled?: readonly { readonly name: string }[]
}

export interface ExtenderConfiguration {
  readonly urlPrefix: string
  readonly filterVerb?: string
  readonly preemptVerb?: string
  readonly prioritizeVerb?: string
  readonly weight?: number
  readonly bindVerb?: string
  readonly enableHTTPS?: boolean
  readonly tlsConfig?: {
    readonly insecure?: boolean
    readonly serverName?: string
    readonly certFile?: string
    readonly keyFile?: string
    readonly caFile?: string
    /** Base64. */
    readonly certData?: string
    readonly keyData?: string
    readonly caData?: string
  }
  /** Go duration; 5s when absent. */
  readonly httpTimeout?: string
  readonly nodeCacheCapable?: boolean
  readonly managedResources?: readonly { readonly name: string; readonly ignoredByScheduler?: boolean }[]
  /** Its failure does not fail the pod's attempt. */
  readonly ignorable?: boolean
}

const named = struct({ name: text })
const pluginSet = struct({
  enabled: listOf(struct({ name: text, weight: integer })),
  disabled: listOf(named),
})
const points = [...extensionPoints, 'multiPoint']
const profile = struct({
  schedulerName: text,
  percentageOfNodesToScore: integer,
  plugins: struct(Object.fromEntries(points.map((point) => [point, pluginSet]))),
  pluginConfig: listOf(struct({ name: text, args: { type: 'any', holds: 'json' } })),
})
const extender = struct({
  urlPrefix: text,
  filterVerb: text,
  preemptVerb: text,
  prioritizeVerb: text,
  weight: longInteger,
  bindVerb: text,
  enableHTTPS: flag,
  tlsConfig: struct({
    insecure: flag,
    serverName: text,
    certFile: text,
    keyFile: text,
    caFile: text,
    certData: { type: 'bytes' },
    keyData: { type: 'bytes' },
    caData: { type: 'bytes' },
  }),
  httpTimeout: duration,
  nodeCacheCapable: flag,
  managedResources: listOf(struct({ name: text, ignoredByScheduler: flag })),
  ignorable: flag,
})

const schedulerConfigurationKind: ConfigurationKind = {
  group: 'kubescheduler.config.k8s.io',
  version: 'v1',
  kind: 'KubeSchedulerConfiguration',
  schema: file({
    parallelism: integer,
    leaderElection: struct({
      leaderElect: flag,
      leaseDuration: duration,
      renewDeadline: duration,
      retryPeriod: duration,
      resourceLock: text,
      resourceName: text,
      resourceNamespace: text,
    }),
    clientConnection: struct({
      kubeconfig: text,
      acceptContentTypes: text,
      contentType: text,
      qps: fraction,
      burst: integer,
    }),
    enableProfiling: flag,
    enableContentionProfiling: flag,
    percentageOfNodesToScore: integer,
    podInitialBackoffSeconds: optional(longInteger),
    podMaxBackoffSeconds: optional(longInteger),
    profiles: listOf(profile),
    extenders: listOf(extender),
    delayCacheUntilActive: flag,
  }),
}

export const defaultConfiguration: SchedulerConfiguration = {
  podInitialBackoffSeconds: 1,
  podMaxBackoffSeconds: 10,
  profiles: [{ schedulerName: 'default-scheduler' }],
  extenders: [],
}

/** Reads a KubeSchedulerConfiguration file. Throws an Error that names every mistake. */
export function readConfiguration(content: string): SchedulerConfiguration {
  const given = decodeConfiguration(content, [schedulerConfigurationKind]) as Partial<SchedulerConfiguration>
  const read = { ...defaultConfiguration, ...given }
  const only = read.profiles.length === 1 ? read.profiles[0]! : undefined
  // As upstream: a single profile without a name is that of the default scheduler.
  const profiles =
    only && !only.schedulerName ? [{ ...only, schedulerName: 'default-scheduler' }] : read.profiles
  const configuration = { ...read, profiles }
  const errors = validateConfiguration(configuration)
  if (errors.length > 0) throw new Error(errors.join('\n'))
  return configuration
}
