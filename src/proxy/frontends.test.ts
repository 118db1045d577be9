import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../api/generated/core.v1.ts'
import { isProxied } from './frontends.ts'

test('isProxied leaves out what has no address, and what a label gives to others or to nobody', () => {
  const spec = { clusterIP: '10.96.0.7' }
  const labelled = (name: string, value: string): Service => ({
    metadata: { labels: { [name]: value } },
    spec,
  })
  const rows: readonly (readonly [service: Service, isProxied: boolean])[] = [
    [{ spec }, true],
    [{ spec: {} }, false],
    [{ spec: { clusterIP: 'None' } }, false],
    [{ spec: { type: 'ExternalName', externalName: 'example.com' } }, false],
    [labelled('service.kubernetes.io/service-proxy-name', 'mine'), false],
    [labelled('service.kubernetes.io/headless', ''), false],
    [labelled('app', 'web'), true],
  ]
  for (const [service, expected] of rows) assert.equal(isProxied(service), expected, JSON.stringify(service))
})
