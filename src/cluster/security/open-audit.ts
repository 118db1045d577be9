import { readFile } from 'node:fs/promises'
import type { AuditBackend } from '../../apiserver/audit/audit-event.ts'
import { AuditLog } from '../../apiserver/audit/audit-log.ts'
import { createAuditMetrics } from '../../apiserver/audit/audit-metrics.ts'
import { decodeAuditPolicy } from '../../apiserver/audit/audit-policy.ts'
import type { AuditOptions } from '../../apiserver/audit/auditor.ts'
import { BufferedBackend } from '../../apiserver/audit/buffered-backend.ts'
import { lenientBackend } from '../../apiserver/audit/lenient-backend.ts'
import { TruncatingBackend } from '../../apiserver/audit/truncating-backend.ts'
import { WebhookBackend, type WebhookBackendContext } from '../../apiserver/audit/webhook-backend.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import type { Random } from '../../machinery/random.ts'
import { wholeDelivery, type AuditChoice, type AuditDelivery } from '../api-server-flags/audit-flags.ts'
import { CliError } from '../cli/cli-error.ts'
import { kubeconfigSender } from './kubeconfig-post.ts'

export interface OpenAuditContext {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
}

/** Of a log that nothing else is said of. */
const logDefaults = { maxAgeDays: 366, maxBackups: 100, maxSizeMegabytes: 100 }

/** What is recorded of requests, and where; undefined where no policy says what. Throws a CliError that names the file. */
export async function openAudit(
  choice: AuditChoice,
  { metrics, ...context }: OpenAuditContext,
): Promise<AuditOptions | undefined> {
  const { policyFile, logPath, webhookConfigFile } = choice
  if (policyFile === undefined) {
    context.log.info('No audit policy file provided, no events will be recorded')
    return undefined
  }
  const policy = await readPolicy(policyFile, context.log)
  const parts = { ...context, metrics: createAuditMetrics(metrics) }
  const backends: AuditBackend[] = []
  if (logPath !== undefined) {
    const { maxAgeDays, maxBackups, maxSizeMegabytes, format, compress } = { ...logDefaults, ...choice }
    const options = { path: logPath, maxAgeDays, maxBackups, maxSizeMegabytes }
    const log = new AuditLog({ ...options, ...(format && { format }), ...(compress && { compress }) }, parts)
    backends.push(delivered(log, 'log', choice.log, parts))
  }
  if (webhookConfigFile !== undefined) {
    const { webhookInitialBackoffMs: initialBackoffMs } = choice
    const post = connect(webhookConfigFile, context.clock)
    const options = { post, ...(initialBackoffMs !== undefined && { initialBackoffMs }) }
    backends.push(delivered(new WebhookBackend(options, parts), 'webhook', choice.webhook, parts))
  }
  return { policy, backends }
}

async function readPolicy(path: string, log: Logger) {
  const warn = (detail: string) =>
    log.warn('Audit policy contains errors, going on without them', { path, detail })
  try {
    return decodeAuditPolicy(await readFile(path, 'utf8'), warn)
  } catch (error) {
    throw new CliError(`loading audit policy file: ${path}: ${(error as Error).message}`)
  }
}

function connect(path: string, clock: Clock) {
  try {
    return kubeconfigSender(path, clock)
  } catch (error) {
    throw new CliError(`initializing audit webhook: ${path}: ${(error as Error).message}`)
  }
}

/** Batches are cut where they are sent: what waits for its batch does so whole. */
function delivered(
  inner: AuditBackend,
  plugin: 'log' | 'webhook',
  delivery: AuditDelivery | undefined,
  context: WebhookBackendContext,
): AuditBackend {
  const whole = wholeDelivery(plugin, delivery)
  const sizes = { maxEventSize: whole.truncateMaxEventSize, maxBatchSize: whole.truncateMaxBatchSize }
  const backend = whole.truncateEnabled ? new TruncatingBackend(inner, sizes, context) : inner
  switch (whole.mode) {
    case 'blocking-strict':
      return backend
    case 'blocking':
      return lenientBackend(backend)
    case 'batch': {
      const { bufferSize, maxSize, maxWaitMs, throttleEnable, throttleQps, throttleBurst } = whole
      const throttle = { qps: throttleQps, burst: throttleBurst }
      const options = { bufferSize, maxSize, maxWaitMs, ...(throttleEnable && { throttle }) }
      return new BufferedBackend(backend, { ...options, isConcurrent: plugin === 'webhook' }, context)
    }
  }
}
