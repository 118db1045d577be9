import type { ControllersOptions } from '../../controllers/start.ts'
import { defaultEvictionRates, type EvictionRates } from '../../controllers/nodes/zone-eviction.ts'
import { parseCidr } from '../../machinery/ip.ts'
import { formatDuration } from '../../machinery/duration.ts'
import type { CommandInput, Option } from '../cli/command.ts'
import { durationOption, usageError } from './leader-election-flags.ts'

/*
 * What can be said of single controllers, under upstream's names and with its bounds. Source:
 * kubernetes/cmd/kube-controller-manager/app/options.
 */

/** Flag, name of the reconciler, default, and the most it may be. */
const concurrencies: readonly (readonly [
  flag: string,
  reconciler: string,
  standard: number,
  most?: number,
])[] = [
  ['concurrent-cron-job-syncs', 'cronjob', 5],
  ['concurrent-daemonset-syncs', 'daemonset', 5],
  ['concurrent-deployment-syncs', 'deployment', 5],
  ['concurrent-endpoint-syncs', 'endpoint', 5],
  ['concurrent-ephemeralvolume-syncs', 'ephemeral-volume', 5],
  ['concurrent-horizontal-pod-autoscaler-syncs', 'horizontal-pod-autoscaler', 5],
  ['concurrent-job-syncs', 'job', 5],
  ['concurrent-namespace-syncs', 'namespace', 5],
  ['concurrent-rc-syncs', 'replicationcontroller', 5],
  ['concurrent-replicaset-syncs', 'replicaset', 5],
  ['concurrent-service-endpoint-syncs', 'endpointslice', 5, 50],
  ['concurrent-serviceaccount-token-syncs', 'serviceaccount-token', 5],
  ['concurrent-statefulset-syncs', 'statefulset', 5],
  ['concurrent-ttl-after-finished-syncs', 'ttl-after-finished', 5],
  ['mirroring-concurrent-service-endpoint-syncs', 'endpointslicemirroring', 5, 50],
]

const autoscaler = 'horizontal-pod-autoscaler'
const duration = (description: string, standard: string): Option => ({
  description,
  value: 'DURATION',
  default: standard,
})
const number = (description: string, standard: string): Option => ({
  description,
  value: 'NUMBER',
  default: standard,
})

export const controllersFlags: Readonly<Record<string, Option>> = {
  'node-monitor-grace-period': duration(
    'How long a kubelet may be silent before its node is not ready',
    '50s',
  ),
  'node-startup-grace-period': duration('How long a new node may take to report', '1m'),
  'node-monitor-period': duration('How often unhealthy nodes are looked at', '5s'),
  'node-eviction-rate': number('Nodes per second whose pods are driven off where a zone is healthy', '0.1'),
  'secondary-node-eviction-rate': number('The same where a zone is not', '0.01'),
  'unhealthy-zone-threshold': number(
    'Share of nodes not ready that makes a zone unhealthy, from three nodes on',
    '0.55',
  ),
  'large-cluster-size-threshold': number('Nodes up to which an unhealthy zone drives nobody off', '50'),
  'max-endpoints-per-slice': number('Endpoints in an EndpointSlice', '100'),
  'mirroring-max-endpoints-per-subset': number(
    'Addresses of a subset of Endpoints that are copied into slices',
    '1000',
  ),
  'terminated-pod-gc-threshold': number('Ended pods beyond this number are deleted, none for 0', '12500'),
  'legacy-service-account-token-clean-up-period': duration(
    'After how long unused tokens that came with service accounts go',
    '8760h',
  ),
  [`${autoscaler}-sync-period`]: duration('How often autoscalers are looked at', '15s'),
  [`${autoscaler}-downscale-stabilization`]: duration(
    'How long an autoscaler remembers what it would have scaled to',
    '5m',
  ),
  [`${autoscaler}-tolerance`]: number('By how much metrics differ before it scales', '0.1'),
  [`${autoscaler}-cpu-initialization-period`]: duration(
    'How long after its start the CPU of a pod may be left out',
    '5m',
  ),
  [`${autoscaler}-initial-readiness-delay`]: duration(
    'How long after its start a pod is held to become ready for the first time',
    '30s',
  ),
  ...Object.fromEntries(
    concurrencies.map(([flag, reconciler, standard]) => [
      flag,
      number(`How many keys the controller ${reconciler} works on at once`, String(standard)),
    ]),
  ),
}

export type ControllersFlags = Pick<
  ControllersOptions,
  | 'nodeLifecycle'
  | 'maxEndpointsPerSlice'
  | 'mirroringMaxEndpointsPerSubset'
  | 'terminatedPodThreshold'
  | 'legacyTokenCleanUpPeriodMs'
  | 'horizontalPodAutoscaler'
  | 'concurrency'
>

/** What was given, and nothing for what was not. Throws CliError (usage) for what upstream refuses. */
export function parseControllersFlags(input: CommandInput): ControllersFlags {
  return {
    nodeLifecycle: {
      ...given('monitorGracePeriodMs', durationOption(input, 'node-monitor-grace-period')),
      ...given('startupGracePeriodMs', durationOption(input, 'node-startup-grace-period')),
      ...given('monitorPeriodMs', durationOption(input, 'node-monitor-period')),
      evictionRates: {
        ...given('nodeEvictionRate', decimal(input, 'node-eviction-rate')),
        ...given('secondaryNodeEvictionRate', decimal(input, 'secondary-node-eviction-rate')),
        ...given('unhealthyZoneThreshold', decimal(input, 'unhealthy-zone-threshold')),
        ...given('largeClusterSizeThreshold', input.number('large-cluster-size-threshold', 0)),
      },
    },
    ...given('maxEndpointsPerSlice', bounded(input, 'max-endpoints-per-slice', 1000)),
    ...given('mirroringMaxEndpointsPerSubset', bounded(input, 'mirroring-max-endpoints-per-subset', 1000)),
    ...given('terminatedPodThreshold', input.number('terminated-pod-gc-threshold', 0)),
    ...given(
      'legacyTokenCleanUpPeriodMs',
      durationOption(input, 'legacy-service-account-token-clean-up-period'),
    ),
    horizontalPodAutoscaler: {
      ...given('syncPeriodMs', durationOption(input, `${autoscaler}-sync-period`)),
      ...given('scaleDownStabilizationMs', durationOption(input, `${autoscaler}-downscale-stabilization`)),
      ...given('tolerance', decimal(input, `${autoscaler}-tolerance`)),
      ...given('cpuInitializationPeriodMs', durationOption(input, `${autoscaler}-cpu-initialization-period`)),
      ...given('initialReadinessDelayMs', durationOption(input, `${autoscaler}-initial-readiness-delay`)),
    },
    concurrency: Object.assign(
      {},
      ...concurrencies.map(([flag, reconciler, , most]) => given(reconciler, bounded(input, flag, most))),
    ) as Readonly<Record<string, number>>,
  }
}

/** As upstream's KubeControllerManagerConfiguration has them: for /configz. */
export function describeControllersFlags(flags: ControllersFlags): Readonly<Record<string, unknown>> {
  const { nodeLifecycle = {}, horizontalPodAutoscaler = {} } = flags
  const rates: EvictionRates = { ...defaultEvictionRates, ...nodeLifecycle.evictionRates }
  return {
    NodeLifecycleController: {
      NodeEvictionRate: rates.nodeEvictionRate,
      SecondaryNodeEvictionRate: rates.secondaryNodeEvictionRate,
      NodeStartupGracePeriod: formatDuration(nodeLifecycle.startupGracePeriodMs ?? 60_000),
      NodeMonitorGracePeriod: formatDuration(nodeLifecycle.monitorGracePeriodMs ?? 50_000),
      LargeClusterSizeThreshold: rates.largeClusterSizeThreshold,
      UnhealthyZoneThreshold: rates.unhealthyZoneThreshold,
    },
    EndpointSliceController: { MaxEndpointsPerSlice: flags.maxEndpointsPerSlice ?? 100 },
    EndpointSliceMirroringController: {
      MirroringMaxEndpointsPerSubset: flags.mirroringMaxEndpointsPerSubset ?? 1000,
    },
    PodGCController: { TerminatedPodGCThreshold: flags.terminatedPodThreshold ?? 12_500 },
    HPAController: {
      HorizontalPodAutoscalerSyncPeriod: formatDuration(horizontalPodAutoscaler.syncPeriodMs ?? 15_000),
      HorizontalPodAutoscalerDownscaleStabilizationWindow: formatDuration(
        horizontalPodAutoscaler.scaleDownStabilizationMs ?? 300_000,
      ),
      HorizontalPodAutoscalerTolerance: horizontalPodAutoscaler.tolerance ?? 0.1,
    },
  }
}

/** Networks with commas between them; none when the flag was not given. Throws CliError (usage) for what is none. */
export function parseCidrs(input: CommandInput, flag: string): readonly string[] {
  const cidrs = input.text(flag)?.split(',') ?? []
  for (const cidr of cidrs) {
    if (!parseCidr(cidr)) throw usageError(`--${flag}: '${cidr}' is no network`)
  }
  return cidrs
}

function given<Name extends string, T>(name: Name, value: T | undefined): { readonly [key in Name]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [key in Name]?: T }
}

function bounded(input: CommandInput, flag: string, most = Number.POSITIVE_INFINITY): number | undefined {
  const value = input.number(flag, 1)
  if (value !== undefined && value > most)
    throw usageError(`--${flag} must not be more than ${most}, but got ${value}`)
  return value
}

function decimal(input: CommandInput, flag: string): number | undefined {
  const text = input.text(flag)
  if (text === undefined) return undefined
  if (!/^\d+(\.\d*)?$|^\.\d+$/.test(text)) throw usageError(`--${flag} must be a number, not '${text}'`)
  return Number(text)
}
