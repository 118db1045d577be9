import { fixedFieldErrors, isUnset } from '../../api/configuration/fixed-fields.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
} from '../../machinery/field-error.ts'
import { parseDuration } from '../../machinery/duration.ts'
import { featureGatesWith, FeatureGateError } from '../../machinery/feature-gates.ts'
import { opensslCipher } from '../../machinery/pki/cipher-suites.ts'
import { tlsVersions } from '../../machinery/pki/tls-policy.ts'
import { swapBehaviors } from '../containers/swap.ts'
import { isSignal, parseAmount } from '../eviction/threshold.ts'
import { allowlistProblem, verificationPolicies } from '../images/verification-policy.ts'
import { idsUnit } from '../user-namespaces/id-range.ts'
import { fixedFields, type KubeletConfiguration } from './configuration-kind.ts'
import { enforcementErrors } from './validate-enforcement.ts'

const reservable = ['cpu', 'memory']

/** Fields that may not be said where the file is read, each with why. */
export type FieldRefusals = Readonly<Partial<Record<string, string>>>

/** Every mistake, worded after upstream's ValidateKubeletConfiguration. */
export function validateConfiguration(
  configuration: KubeletConfiguration,
  refusals: FieldRefusals = {},
): string[] {
  const errors: FieldError[] = [
    ...fixedFieldErrors(configuration as Readonly<Record<string, unknown>>, fixedFields),
    ...refused(configuration as Readonly<Record<string, unknown>>, refusals),
    ...evictionErrors(configuration),
    ...imageErrors(configuration),
    ...reservationErrors(configuration),
    ...shutdownErrors(configuration),
    ...featureGateErrors(configuration),
    ...quotaErrors(configuration),
    ...tlsErrors(configuration),
    ...enforcementErrors(configuration),
  ]
  const atLeast = (name: keyof KubeletConfiguration, minimum: number) => {
    const value = configuration[name]
    if (typeof value === 'number' && value < minimum) {
      errors.push(invalid(name, value, `must be greater than or equal to ${minimum}`))
    }
  }
  atLeast('maxPods', 0)
  atLeast('podsPerCore', 0)
  atLeast('nodeStatusMaxImages', -1)
  atLeast('containerLogMaxWorkers', 1)
  atLeast('registryPullQPS', 0)
  atLeast('registryBurst', 0)
  atLeast('eventRecordQPS', 0)
  atLeast('eventBurst', 0)
  atLeast('containerLogMaxFiles', 2)
  atLeast('evictionMaxPodGracePeriod', 0)
  const interval = configuration.containerLogMonitorInterval
  const intervalMs = interval ? parseDuration(interval) : 0
  if (intervalMs !== 0 && intervalMs < 3000) {
    errors.push(invalid('containerLogMonitorInterval', interval, 'must be greater than or equal to 3s'))
  }
  const { port, authentication, authorization } = configuration
  if (port !== undefined && (port < 0 || port > 65_535)) {
    errors.push(invalid('port', port, 'must be between 0 and 65535, inclusive'))
  }
  if (authentication?.anonymous?.enabled) {
    errors.push(forbidden('authentication.anonymous.enabled', 'nobody is let in without a name'))
  }
  const swapBehavior = configuration.memorySwap?.swapBehavior
  if (swapBehavior && !swapBehaviors.some((name) => name === swapBehavior)) {
    errors.push(notSupported('memorySwap.swapBehavior', swapBehavior, swapBehaviors))
  }
  const mode = authorization?.mode
  if (mode && mode !== 'Webhook' && mode !== 'AlwaysAllow') {
    errors.push(invalid('authorization.mode', mode, 'must be AlwaysAllow or Webhook'))
  }
  if (!configuration.tlsCertFile !== !configuration.tlsPrivateKeyFile) {
    errors.push(
      required(
        configuration.tlsCertFile ? 'tlsPrivateKeyFile' : 'tlsCertFile',
        'certificate and key go together',
      ),
    )
  }
  const idsPerPod = configuration.userNamespaces?.idsPerPod
  if (idsPerPod !== undefined && (idsPerPod < idsUnit || idsPerPod % idsUnit !== 0 || idsPerPod >= 2 ** 32)) {
    const detail = `must be a multiple of ${idsUnit}, not 0 and less than 4294967296`
    errors.push(invalid('userNamespaces.idsPerPod', idsPerPod, detail))
  }
  const restartPeriod = configuration.crashLoopBackOff?.maxContainerRestartPeriod
  const restartPeriodMs = restartPeriod ? parseDuration(restartPeriod) : 0
  if (restartPeriodMs !== 0 && (restartPeriodMs < 1000 || restartPeriodMs > 300_000)) {
    const at = 'crashLoopBackOff.maxContainerRestartPeriod'
    errors.push(invalid(at, restartPeriod, 'must be between 1s and 5m0s'))
  }
  if (configuration.enableSystemLogQuery && configuration.enableSystemLogHandler === false) {
    const detail = 'enableSystemLogHandler is required for enableSystemLogQuery'
    errors.push(forbidden('enableSystemLogQuery', detail))
  }
  return errors.map(({ field, message }) => `${field}: ${message}`)
}

function refused(configuration: Readonly<Record<string, unknown>>, refusals: FieldRefusals): FieldError[] {
  return Object.entries(refusals).flatMap(([name, why = '']) =>
    isUnset(configuration[name]) ? [] : [forbidden(name, why)],
  )
}

function evictionErrors(configuration: KubeletConfiguration): FieldError[] {
  const { evictionSoft = {}, evictionSoftGracePeriod = {} } = configuration
  const errors: FieldError[] = []
  for (const field of ['evictionHard', 'evictionSoft', 'evictionMinimumReclaim'] as const) {
    for (const [signal, amount] of Object.entries(configuration[field] ?? {})) {
      const at = path(field).key(signal)
      if (!isSignal(signal)) errors.push(invalid(at, signal, 'unsupported eviction signal'))
      else errors.push(...problemOf(() => parseAmount(amount)).map((words) => invalid(at, amount, words)))
    }
  }
  for (const signal of Object.keys(evictionSoft)) {
    if (evictionSoftGracePeriod[signal] === undefined) {
      errors.push(
        required(
          path('evictionSoftGracePeriod').key(signal),
          'grace period must be specified for each soft signal',
        ),
      )
    }
  }
  for (const [signal, text] of Object.entries(evictionSoftGracePeriod)) {
    const at = path('evictionSoftGracePeriod').key(signal)
    errors.push(...problemOf(() => parseDuration(text)).map((words) => invalid(at, text, words)))
  }
  return errors
}

function imageErrors(configuration: KubeletConfiguration): FieldError[] {
  const { imageGCHighThresholdPercent: high = 85, imageGCLowThresholdPercent: low = 80 } = configuration
  const errors: FieldError[] = []
  const isPercent = (value: number) => value >= 0 && value <= 100
  if (!isPercent(high)) {
    errors.push(invalid('imageGCHighThresholdPercent', high, 'must be between 0 and 100, inclusive'))
  }
  if (!isPercent(low)) {
    errors.push(invalid('imageGCLowThresholdPercent', low, 'must be between 0 and 100, inclusive'))
  }
  if (low >= high) {
    errors.push(
      invalid('imageGCLowThresholdPercent', low, `must be less than imageGCHighThresholdPercent ${high}`),
    )
  }
  return [...errors, ...pullErrors(configuration)]
}

function pullErrors(configuration: KubeletConfiguration): FieldError[] {
  const { serializeImagePulls, maxParallelImagePulls: parallel } = configuration
  const {
    imagePullCredentialsVerificationPolicy: policy,
    preloadedImagesVerificationAllowlist: allowlist = [],
  } = configuration
  const errors: FieldError[] = []
  if (parallel !== undefined && parallel < 1) {
    errors.push(invalid('maxParallelImagePulls', parallel, 'must be a positive number'))
  }
  if (serializeImagePulls && parallel !== undefined && parallel > 1) {
    const detail = 'cannot be larger than 1 unless serializeImagePulls is false'
    errors.push(invalid('maxParallelImagePulls', parallel, detail))
  }
  if (policy && !verificationPolicies.some((name) => name === policy)) {
    errors.push(notSupported('imagePullCredentialsVerificationPolicy', policy, verificationPolicies))
  }
  if (allowlist.length > 0 && policy !== 'NeverVerifyAllowlistedImages') {
    const detail =
      'can only be set when imagePullCredentialsVerificationPolicy is "NeverVerifyAllowlistedImages"'
    errors.push(forbidden('preloadedImagesVerificationAllowlist', detail))
  }
  for (const [index, pattern] of allowlist.entries()) {
    const problem = allowlistProblem(pattern)
    const at = path('preloadedImagesVerificationAllowlist').index(index)
    if (problem !== undefined) errors.push(invalid(at, pattern, problem))
  }
  return errors
}

function reservationErrors(configuration: KubeletConfiguration): FieldError[] {
  return (['systemReserved', 'kubeReserved'] as const).flatMap((field) =>
    Object.entries(configuration[field] ?? {}).flatMap(([name, amount]) => {
      const at = path(field).key(name)
      if (!reservable.includes(name))
        return [forbidden(at, `only ${reservable.join(' and ')} can be reserved`)]
      return problemOf(() => parseAmount(amount)).map((words) => invalid(at, amount, words))
    }),
  )
}

function featureGateErrors({ featureGates }: KubeletConfiguration): FieldError[] {
  try {
    featureGatesWith(featureGates)
    return []
  } catch (error) {
    if (error instanceof FeatureGateError) return [invalid('featureGates', featureGates, error.message)]
    throw error
  }
}

function quotaErrors({ cpuCFSQuotaPeriod: period, featureGates }: KubeletConfiguration): FieldError[] {
  if (!period) return []
  const periodMs = parseDuration(period)
  // Gates that cannot be so are told of elsewhere.
  if (featureGates?.CustomCPUCFSQuotaPeriod !== true) {
    const detail = 'requires feature gate CustomCPUCFSQuotaPeriod'
    return periodMs === 100 ? [] : [invalid('cpuCFSQuotaPeriod', period, detail)]
  }
  if (periodMs >= 1 && periodMs <= 1000) return []
  return [invalid('cpuCFSQuotaPeriod', period, 'must be between 1ms and 1sec, inclusive')]
}

function tlsErrors({ tlsCipherSuites = [], tlsMinVersion: version }: KubeletConfiguration): FieldError[] {
  const errors = tlsCipherSuites.flatMap((name, index) => {
    if (opensslCipher(name) !== undefined) return []
    const at = path('tlsCipherSuites').index(index)
    return [invalid(at, name, `Cipher suite ${name} not supported or doesn't exist`)]
  })
  if (!version || Object.hasOwn(tlsVersions, version)) return errors
  return [...errors, notSupported('tlsMinVersion', version, Object.keys(tlsVersions))]
}

function shutdownErrors(configuration: KubeletConfiguration): FieldError[] {
  const { shutdownGracePeriodByPodPriority: byPriority = [] } = configuration
  const errors: FieldError[] = []
  const periodOf = (field: 'shutdownGracePeriod' | 'shutdownGracePeriodCriticalPods') => {
    const text = configuration[field]
    const periodMs = text ? parseDuration(text) : 0
    if (periodMs !== 0 && periodMs < 1000) {
      errors.push(invalid(field, text, 'must be either zero or otherwise >= 1 sec'))
    }
    return periodMs
  }
  const [wholeMs, criticalMs] = [periodOf('shutdownGracePeriod'), periodOf('shutdownGracePeriodCriticalPods')]
  if (criticalMs > wholeMs) {
    const message = `must be <= shutdownGracePeriod ${configuration.shutdownGracePeriod ?? '0s'}`
    errors.push(
      invalid('shutdownGracePeriodCriticalPods', configuration.shutdownGracePeriodCriticalPods, message),
    )
  }
  if (byPriority.length > 0 && wholeMs + criticalMs > 0) {
    const message = 'cannot be specified at the same time as shutdownGracePeriod'
    errors.push(forbidden('shutdownGracePeriodByPodPriority', message))
  }
  for (const [index, { shutdownGracePeriodSeconds: seconds }] of byPriority.entries()) {
    if (seconds >= 0) continue
    const at = path('shutdownGracePeriodByPodPriority').index(index).child('shutdownGracePeriodSeconds')
    errors.push(invalid(at, seconds, 'must be greater than or equal to 0'))
  }
  return errors
}

function problemOf(parse: () => unknown): readonly string[] {
  try {
    parse()
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}
