import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../machinery/metrics.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { createRequestMetrics } from './request-metrics.ts'

test('createRequestMetrics counts answers and requests without one', async () => {
  const metrics = createMetrics()
  const clock = fakeClock()
  const requests = createRequestMetrics(metrics, clock, 'server:6443')
  await clock.advance(200)
  requests.answered('GET', 200, 0)
  requests.answered('GET', '<error>', 0)
  const text = metrics.text()
  assert.match(text, /^rest_client_requests_total\{code="200",host="server:6443",method="GET"\} 1$/m)
  assert.match(text, /^rest_client_requests_total\{code="<error>",host="server:6443",method="GET"\} 1$/m)
  assert.match(
    text,
    /^rest_client_request_duration_seconds_bucket\{host="server:6443",verb="GET",le="0.25"\} 2$/m,
  )
})
