import { sha256 } from '../../apiserver/authentication/oidc/jwt-metrics.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Metrics } from '../../machinery/metrics.ts'

/** Hears how a file was read again. */
export interface ReloadObserver {
  /** From now on this content counts; `isFirst` when it is what the server started with. */
  applied(content: string, isFirst: boolean): void
  failed(): void
}

/**
 * Counts how often a file of configuration was read again, and tells what it holds by its hash, under upstream's names.
 * Source: k8s.io/apiserver/pkg/server/options/authenticationconfig/metrics and .../authorizationconfig/metrics.
 */
export function reloadMetrics(
  kind: 'authentication' | 'authorization',
  {
    metrics,
    clock,
    serverId,
  }: { readonly metrics: Metrics; readonly clock: Clock; readonly serverId: string },
): ReloadObserver {
  const prefix = `apiserver_${kind}_config_controller`
  const reloads = metrics.counter({
    name: `${prefix}_automatic_reloads_total`,
    help: `How often the ${kind} configuration was read again, by status.`,
    labels: ['status', 'apiserver_id_hash'],
    stability: 'BETA',
  })
  const reloadedAt = metrics.gauge({
    name: `${prefix}_automatic_reload_last_timestamp_seconds`,
    help: `When the ${kind} configuration was read again last, by status.`,
    labels: ['status', 'apiserver_id_hash'],
    stability: 'BETA',
  })
  const applied = metrics.gauge({
    name: `${prefix}_last_config_info`,
    help: `The hash of the ${kind} configuration that counts.`,
    labels: ['apiserver_id_hash', 'hash'],
  })
  const serverHash = sha256(serverId)
  let current: string | undefined
  const record = (status: 'success' | 'failure') => {
    const labels = { status, apiserver_id_hash: serverHash }
    reloads.with(labels).add()
    reloadedAt.with(labels).set(clock.now() / 1000)
  }
  return {
    applied(content, isFirst) {
      if (!isFirst) record('success')
      if (current !== undefined) applied.remove({ apiserver_id_hash: serverHash, hash: current })
      current = sha256(content)
      applied.with({ apiserver_id_hash: serverHash, hash: current }).set(1)
    },
    failed: () => record('failure'),
  }
}
