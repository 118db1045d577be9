import type { Metrics } from '../../../machinery/metrics.ts'

/** Counts how service accounts' tokens are used, under upstream's names. Source: kubernetes/pkg/serviceaccount/metrics.go. */
export function createTokenMetrics(metrics: Metrics) {
  const counter = (name: string, help: string) =>
    metrics.counter({ name: `serviceaccount_${name}`, help }).with({})
  return {
    stale: counter('stale_tokens_total', "Uses of pods' tokens that should have been renewed."),
    valid: counter('valid_tokens_total', "Uses of pods' tokens in time."),
    legacy: counter('legacy_tokens_total', 'Uses of tokens without expiry.'),
    legacyAuto: counter('legacy_auto_token_uses_total', 'Uses of tokens of secrets that accounts list.'),
    legacyManual: counter('legacy_manual_token_uses_total', 'Uses of tokens of secrets that users made.'),
    invalidLegacyAuto: counter(
      'invalid_legacy_auto_token_uses_total',
      'Uses of tokens of secrets that were marked invalid.',
    ),
  }
}
