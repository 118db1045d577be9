import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../machinery/metrics.ts'
import { proxyMetrics } from './proxy-metrics.ts'

test('proxyMetrics counts changes, which no longer wait once rules are written', () => {
  const metrics = createMetrics()
  const numbers = proxyMetrics(metrics)
  const valueOf = (name: string) =>
    new RegExp(`^kubeproxy_${name}\\{ip_family="IPv4"\\} (.*)$`, 'm').exec(metrics.text())?.[1]
  const changes = () =>
    ['total', 'pending'].map((word) => valueOf(`sync_proxy_rules_endpoint_changes_${word}`))

  numbers.changed('service', 5)
  numbers.changed('endpoint', 6)
  numbers.changed('endpoint', 7)
  assert.deepEqual(changes(), ['2', '2'])
  numbers.synced(0.01, 8)
  numbers.programmed(0.3)
  assert.deepEqual(changes(), ['2', '0'])
  assert.equal(valueOf('sync_proxy_rules_last_queued_timestamp_seconds'), '7')
  assert.equal(valueOf('sync_proxy_rules_last_timestamp_seconds'), '8')
  assert.match(
    metrics.text(),
    /kubeproxy_network_programming_duration_seconds_bucket\{ip_family="IPv4",le="0\.5"\} 1\n/,
  )
})
