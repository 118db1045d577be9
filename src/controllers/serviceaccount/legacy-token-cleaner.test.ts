import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configMaps, pods, secrets, serviceAccounts } from '../../api/generated/resources.ts'
import type { Secret } from '../../api/generated/core.v1.ts'
import { aPod } from '../testing/a-pod.ts'
import { runReconcilers } from '../testing/run-reconciler.ts'
import { legacyTokenCleaner } from './legacy-token-cleaner.ts'

const dayMs = 86_400_000

/** What becomes of a secret that is 30 days old, where tokens unused for 10 days are cleaned up; today is 2026-01-01. */
interface Row {
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly listed?: boolean
  readonly since?: string
  readonly created?: string
  readonly mounted?: boolean
  readonly becomes: 'kept' | 'marked' | 'gone'
}

const used = (date: string) => ({ 'kubernetes.io/legacy-token-last-used': date })
const invalid = (date: string) => ({ 'kubernetes.io/legacy-token-invalid-since': date })

void describe('legacyTokenCleaner', () => {
  const rows: Readonly<Record<string, Row>> = {
    'marks what nobody has used': { becomes: 'marked' },
    'marks what was used long ago': { labels: used('2025-12-20'), becomes: 'marked' },
    'keeps what was used lately': { labels: used('2025-12-22'), becomes: 'kept' },
    'keeps what was used at a time that cannot be read': { labels: used('yesterday'), becomes: 'kept' },
    'keeps what is young': { created: '2025-12-25T00:00:00Z', becomes: 'kept' },
    'keeps what was made by hand': { listed: false, becomes: 'kept' },
    'keeps what is of another account': {
      annotations: { 'kubernetes.io/service-account.uid': 'other' },
      becomes: 'kept',
    },
    'keeps what a pod uses': { mounted: true, becomes: 'kept' },
    'keeps all before uses were noted long enough': { since: '2025-12-22', becomes: 'kept' },
    'waits with what was marked lately': { labels: invalid('2025-12-25'), becomes: 'marked' },
    'marks again what was marked in a way that cannot be read': {
      labels: invalid('once'),
      becomes: 'marked',
    },
    'deletes what was marked long ago': { labels: invalid('2025-12-20'), becomes: 'gone' },
  }
  for (const [criterion, row] of Object.entries(rows)) {
    void it(criterion, async () => {
      const { listed = true, since = '2025-11-01', created = '2025-12-01T00:00:00Z' } = row
      const name = 'robot-token'
      const secret: Secret = {
        metadata: {
          namespace: 'default',
          name,
          creationTimestamp: created,
          labels: row.labels ?? {},
          annotations: { 'kubernetes.io/service-account.name': 'robot', ...row.annotations },
        },
        type: 'kubernetes.io/service-account-token',
      }
      const harness = await runReconcilers([legacyTokenCleaner(10 * dayMs)], ({ client }) => {
        client.seed(configMaps, {
          metadata: {
            namespace: 'kube-system',
            name: 'kube-apiserver-legacy-service-account-token-tracking',
          },
          data: { since },
        })
        client.seed(serviceAccounts, {
          metadata: { namespace: 'default', name: 'robot', uid: 'robot' },
          secrets: listed ? [{ name }] : [],
        })
        const volumes = [{ name: 'v', secret: { secretName: name } }]
        if (row.mounted) client.seed(pods, aPod('p', { spec: { volumes } }))
        client.seed(secrets, secret)
      })
      const [left] = await harness.all(secrets)
      const mark = left?.metadata?.labels?.['kubernetes.io/legacy-token-invalid-since']
      const isMarked = mark !== undefined && !Number.isNaN(Date.parse(mark))
      assert.equal(left ? (isMarked ? 'marked' : 'kept') : 'gone', row.becomes)
      await harness.stop()
    })
  }
})
