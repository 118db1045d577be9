import { parseGoBool } from './go-bool.ts'

/**
 * Feature gates as upstream's `--feature-gates` names them. What is built in is either on or off for good; the features
 * below can be switched. Source of names, defaults and messages: k8s.io/component-base/featuregate, and
 * k8s.io/apiserver/pkg/features and kubernetes/pkg/features of v1.36.
 */

/** Whether each feature that can be switched is on. */
export interface FeatureGates {
  /** certificates.k8s.io ClusterTrustBundles, where `--runtime-config` has them served. */
  readonly ClusterTrustBundle: boolean
  /** Their certificates in projected volumes. */
  readonly ClusterTrustBundleProjection: boolean
  /** A kubelet's cpuCFSQuotaPeriod other than 100 ms. */
  readonly CustomCPUCFSQuotaPeriod: boolean
}

export const defaultFeatureGates: FeatureGates = {
  ClusterTrustBundle: false,
  ClusterTrustBundleProjection: false,
  CustomCPUCFSQuotaPeriod: false,
}

/** On only together with these others. */
const dependencies: Readonly<Record<keyof FeatureGates, readonly (keyof FeatureGates)[]>> = {
  ClusterTrustBundle: [],
  ClusterTrustBundleProjection: ['ClusterTrustBundle'],
  CustomCPUCFSQuotaPeriod: [],
}

/** Known by name, but as it is for good: those of the API server, each on or off as it is built here. */
const fixed: ReadonlyMap<string, boolean> = new Map([
  ...[
    'APIServerIdentity',
    'AllowParsingUserUIDFromCertAuth',
    'AnonymousAuthConfigurableEndpoints',
    'APIResponseCompression',
    'AuthorizeWithSelectors',
    'BtreeWatchCache',
    'ComponentFlagz',
    'ComponentStatusz',
    'ConsistentListFromCache',
    'ConstrainedImpersonation',
    'DRAAdminAccess',
    'DRAConsumableCapacity',
    'DRADeviceBindingConditions',
    'DRADeviceTaints',
    'DRAExtendedResource',
    'DRAPartitionableDevices',
    'DRAPrioritizedList',
    'DRAResourceClaimDeviceStatus',
    'DRAResourceClaimGranularStatusAuthorization',
    'DeclarativeValidation',
    'DeclarativeValidationBeta',
    'DynamicResourceAllocation',
    'MutatingAdmissionPolicy',
    'NodeDeclaredFeatures',
    'OpenAPIEnums',
    'RemoteRequestHeaderUID',
    'ResilientWatchCacheInitialization',
    'RetryGenerateName',
    'SizeBasedListCostEstimate',
    'StorageVersionHash',
    'StreamingCollectionEncodingToJSON',
    'StreamingCollectionEncodingToProtobuf',
    'StructuredAuthenticationConfiguration',
    'TokenRequestServiceAccountUIDValidation',
    'WatchList',
  ].map((name) => [name, true] as const),
  ...[
    'AggregatedDiscoveryRemoveBetaType',
    'APIServerTracing',
    'APIServingWithRoutine',
    'AllAlpha',
    'AllowUnsafeMalformedObjectDeletion',
    'CBORServingAndStorage',
    'ConcurrentWatchObjectDecode',
    'CoordinatedLeaderElection',
    'DRADeviceTaintRules',
    'DRAListTypeAttributes',
    'DRANodeAllocatableResources',
    'DRAWorkloadResourceClaims',
    'DeclarativeValidationTakeover',
    'KMSv1',
    'ManifestBasedAdmissionControlConfig',
    'PodCertificateRequest',
    'SeparateCacheWatchRPC',
    'ShardedListAndWatch',
    'StorageVersionAPI',
    'UnknownVersionInteroperabilityProxy',
  ].map((name) => [name, false] as const),
])

/** What a gate cannot be set to, in upstream's words. */
export class FeatureGateError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FeatureGateError'
  }
}

/** `A=true,B=false`, each perhaps with the component that it is of: `kube:A=true`. Throws FeatureGateError. */
export function parseFeatureGates(text: string): Readonly<Record<string, boolean>> {
  const said: Record<string, boolean> = {}
  for (const part of text.split(',')) {
    if (part === '') continue
    const [key = '', ...rest] = part.split('=')
    const name = key.trim().replace(/^kube:/, '')
    if (rest.length === 0) throw new FeatureGateError(`missing bool value for ${name}`)
    const value = rest.join('=').trim()
    const boolean = parseGoBool(value)
    if (boolean === undefined) {
      throw new FeatureGateError(
        `invalid value of ${name}=${value}, err: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
      )
    }
    said[name] = boolean
  }
  return said
}

/** The gates with what is said of them. Throws FeatureGateError for a gate that is unknown, or that cannot be so. */
export function featureGatesWith(said: Readonly<Record<string, boolean>> = {}): FeatureGates {
  const gates: { -readonly [Name in keyof FeatureGates]: boolean } = { ...defaultFeatureGates }
  for (const [name, value] of Object.entries(said)) {
    if (isSwitchable(name)) {
      gates[name] = value
      continue
    }
    const built = fixed.get(name)
    if (built === undefined) throw new FeatureGateError(`unrecognized feature gate: ${name}`)
    if (built !== value) {
      throw new FeatureGateError(`cannot set feature gate ${name} to ${value}, feature is locked to ${built}`)
    }
  }
  for (const [name, needed] of Object.entries(dependencies)) {
    const missing = needed.filter((dependency) => !gates[dependency])
    if (isSwitchable(name) && gates[name] && missing.length > 0) {
      throw new FeatureGateError(
        `${name} is enabled, but depends on features that are disabled: [${missing.join(' ')}]`,
      )
    }
  }
  return gates
}

function isSwitchable(name: string): name is keyof FeatureGates {
  return Object.hasOwn(defaultFeatureGates, name)
}
