import { resolve } from 'node:path'
import type { CommandInput, Option } from '../cli/command.ts'
import {
  booleanFlag,
  durationFlag,
  fractionFlag,
  given,
  integerFlag,
  invalidFlag,
  usageError,
} from './flag-values.ts'

export type AuditMode = 'batch' | 'blocking' | 'blocking-strict'

/** How events come to one of the two places. What is absent is upstream's default. */
export interface AuditDelivery {
  readonly mode?: AuditMode
  readonly bufferSize?: number
  readonly maxSize?: number
  readonly maxWaitMs?: number
  readonly throttleEnable?: boolean
  readonly throttleQps?: number
  readonly throttleBurst?: number
  readonly truncateEnabled?: boolean
  readonly truncateMaxEventSize?: number
  readonly truncateMaxBatchSize?: number
}

/** What the flags `--audit-*` say. Paths are absolute. */
export interface AuditChoice {
  readonly policyFile?: string
  /** `-`: standard output. */
  readonly logPath?: string
  readonly maxAgeDays?: number
  readonly maxBackups?: number
  readonly maxSizeMegabytes?: number
  readonly format?: 'json' | 'legacy'
  readonly compress?: boolean
  readonly log?: AuditDelivery
  readonly webhookConfigFile?: string
  readonly webhookInitialBackoffMs?: number
  readonly webhook?: AuditDelivery
}

const modes: readonly AuditMode[] = ['batch', 'blocking', 'blocking-strict']
const formats = ['legacy', 'json'] as const

/** Source of names, defaults and messages: k8s.io/apiserver/pkg/server/options/audit.go. */
export const auditOptions: Readonly<Record<string, Option>> = {
  'audit-policy-file': { description: 'Policy: what is recorded of which requests', value: 'FILE' },
  'audit-log-path': { description: 'Where it is recorded; -: standard output', value: 'FILE' },
  'audit-log-maxage': {
    description: 'Days that old audit logs are kept (default: 366; 0: all)',
    value: 'DAYS',
  },
  'audit-log-maxbackup': { description: 'Old audit logs that are kept (default: 100; 0: all)', value: 'N' },
  'audit-log-maxsize': {
    description: 'Megabytes after which another audit log begins (default: 100; 0: never)',
    value: 'MB',
  },
  'audit-log-format': { description: 'json or legacy, a line of text (default: json)', value: 'FORMAT' },
  'audit-log-compress': { description: 'Pack old audit logs by gzip', value: 'BOOL', bareValue: 'true' },
  'audit-webhook-config-file': { description: 'Kubeconfig of a server that is sent events', value: 'FILE' },
  'audit-webhook-initial-backoff': {
    description: 'Pause before events are sent again (default: 10s)',
    value: 'DURATION',
  },
  'audit-webhook-batch-initial-backoff': { description: 'The same', value: 'DURATION', hidden: true },
  ...deliveryOptions('log', { mode: 'blocking', size: '1', wait: '0s', throttle: 'false' }),
  ...deliveryOptions('webhook', { mode: 'batch', size: '400', wait: '30s', throttle: 'true' }),
}

function deliveryOptions(
  plugin: 'log' | 'webhook',
  defaults: {
    readonly mode: string
    readonly size: string
    readonly wait: string
    readonly throttle: string
  },
): Readonly<Record<string, Option>> {
  return {
    [`audit-${plugin}-mode`]: {
      description: `Whether requests wait for it: ${modes.join(', ')} (default: ${defaults.mode})`,
      value: 'MODE',
    },
    [`audit-${plugin}-version`]: { description: 'audit.k8s.io/v1', value: 'VERSION', hidden: true },
    [`audit-${plugin}-batch-buffer-size`]: {
      description: 'Events that may wait for their batch (default: 10000)',
      value: 'N',
    },
    [`audit-${plugin}-batch-max-size`]: {
      description: `Events in a batch (default: ${defaults.size})`,
      value: 'N',
    },
    [`audit-${plugin}-batch-max-wait`]: {
      description: `How long a batch waits to be full (default: ${defaults.wait})`,
      value: 'DURATION',
    },
    [`audit-${plugin}-batch-throttle-enable`]: {
      description: `Whether batches in a second are limited (default: ${defaults.throttle})`,
      value: 'BOOL',
      bareValue: 'true',
    },
    [`audit-${plugin}-batch-throttle-qps`]: {
      description: 'Batches in a second, on average (default: 10)',
      value: 'N',
    },
    [`audit-${plugin}-batch-throttle-burst`]: {
      description: 'Batches at once (default: 15)',
      value: 'N',
    },
    [`audit-${plugin}-truncate-enabled`]: {
      description: 'Whether large events lose their objects',
      value: 'BOOL',
      bareValue: 'true',
    },
    [`audit-${plugin}-truncate-max-event-size`]: {
      description: 'Bytes of an event (default: 102400)',
      value: 'BYTES',
    },
    [`audit-${plugin}-truncate-max-batch-size`]: {
      description: 'Bytes of a batch (default: 10485760)',
      value: 'BYTES',
    },
  }
}

/** Undefined where nothing is said of auditing. Throws a CliError. */
export function parseAudit(input: CommandInput): AuditChoice | undefined {
  const logPath = path(input, 'audit-log-path')
  const webhookConfigFile = path(input, 'audit-webhook-config-file')
  const log = parseDelivery(input, 'log', logPath !== undefined)
  const webhook = parseDelivery(input, 'webhook', webhookConfigFile !== undefined)
  const choice = given({
    policyFile: path(input, 'audit-policy-file'),
    logPath,
    maxAgeDays: notNegative(input, 'audit-log-maxage'),
    maxBackups: notNegative(input, 'audit-log-maxbackup'),
    maxSizeMegabytes: notNegative(input, 'audit-log-maxsize'),
    format: parseFormat(input),
    compress: booleanFlag(input, 'audit-log-compress'),
    log: Object.keys(log).length > 0 ? log : undefined,
    webhookConfigFile,
    webhookInitialBackoffMs:
      durationFlag(input, 'audit-webhook-initial-backoff') ??
      durationFlag(input, 'audit-webhook-batch-initial-backoff'),
    webhook: Object.keys(webhook).length > 0 ? webhook : undefined,
  })
  return Object.keys(choice).length > 0 ? choice : undefined
}

function path(input: CommandInput, flag: string): string | undefined {
  const value = input.text(flag)
  return value === undefined || value === '' || value === '-' ? value || undefined : resolve(value)
}

function notNegative(input: CommandInput, flag: string): number | undefined {
  const value = integerFlag(input, flag)
  if (value !== undefined && value < 0) throw usageError(`--${flag} ${value} can't be a negative number`)
  return value
}

function parseFormat(input: CommandInput): 'json' | 'legacy' | undefined {
  const format = input.text('audit-log-format')
  if (format === undefined || format === 'json' || format === 'legacy') return format
  throw usageError(`invalid audit log format ${format}, allowed formats are "${formats.join(',')}"`)
}

/** Checked as upstream does: only where the place is used. */
function parseDelivery(input: CommandInput, plugin: 'log' | 'webhook', isUsed: boolean): AuditDelivery {
  const flag = (name: string) => `audit-${plugin}-${name}`
  const mode = input.text(flag('mode')) as AuditMode | undefined
  const delivery = given({
    mode,
    bufferSize: integerFlag(input, flag('batch-buffer-size')),
    maxSize: integerFlag(input, flag('batch-max-size')),
    maxWaitMs: durationFlag(input, flag('batch-max-wait')),
    throttleEnable: booleanFlag(input, flag('batch-throttle-enable')),
    throttleQps: fractionFlag(input, flag('batch-throttle-qps')),
    throttleBurst: integerFlag(input, flag('batch-throttle-burst')),
    truncateEnabled: booleanFlag(input, flag('truncate-enabled')),
    truncateMaxEventSize: integerFlag(input, flag('truncate-max-event-size')),
    truncateMaxBatchSize: integerFlag(input, flag('truncate-max-batch-size')),
  })
  checkVersion(input, flag('version'))
  if (isUsed) checkDelivery(plugin, delivery)
  return delivery
}

function checkVersion(input: CommandInput, flag: string): void {
  const version = input.text(flag)
  if (version === undefined || version === 'audit.k8s.io/v1') return
  if (version.split('/').length > 2) {
    throw invalidFlag(flag, version, `unexpected GroupVersion string: ${version}`)
  }
  throw usageError('invalid group version, allowed versions are ["audit.k8s.io/v1"]')
}

/** What is used of a place, defaults and all. */
export function wholeDelivery(plugin: 'log' | 'webhook', delivery: AuditDelivery = {}) {
  const isWebhook = plugin === 'webhook'
  return {
    mode: isWebhook ? 'batch' : 'blocking',
    bufferSize: 10_000,
    maxSize: isWebhook ? 400 : 1,
    maxWaitMs: isWebhook ? 30_000 : 0,
    throttleEnable: isWebhook,
    throttleQps: isWebhook ? 10 : 0,
    throttleBurst: isWebhook ? 15 : 0,
    truncateEnabled: false,
    truncateMaxEventSize: 100 * 1024,
    truncateMaxBatchSize: 10 * 1024 * 1024,
    ...delivery,
  } satisfies Required<AuditDelivery>
}

function checkDelivery(plugin: 'log' | 'webhook', delivery: AuditDelivery): void {
  const whole = wholeDelivery(plugin, delivery)
  if (!modes.includes(whole.mode)) {
    throw usageError(`invalid audit ${plugin} mode ${whole.mode}, allowed modes are "${modes.join(',')}"`)
  }
  const positive = (what: string, value: number) => {
    if (value <= 0) throw usageError(`invalid audit ${what} ${value}, must be a positive number`)
  }
  if (whole.mode === 'batch') {
    positive(`batch ${plugin} buffer size`, whole.bufferSize)
    positive(`batch ${plugin} max batch size`, whole.maxSize)
    if (whole.throttleEnable) {
      positive(`batch ${plugin} throttle QPS`, whole.throttleQps)
      positive(`batch ${plugin} throttle burst`, whole.throttleBurst)
    }
  }
  const { truncateMaxBatchSize: batchSize, truncateMaxEventSize: eventSize } = whole
  positive(`truncate ${plugin} max event size`, eventSize)
  if (batchSize < eventSize) {
    throw usageError(
      `invalid audit truncate ${plugin} max batch size ${batchSize}, must be greater than max event size (${eventSize})`,
    )
  }
}
