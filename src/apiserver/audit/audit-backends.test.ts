import assert from 'node:assert/strict'
import { mkdtempDisposable, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { AuditBackend, AuditEvent } from './audit-event.ts'
import { AuditLog } from './audit-log.ts'
import { createAuditMetrics } from './audit-metrics.ts'
import { BufferedBackend, type BatchOptions } from './buffered-backend.ts'
import { legacyLine } from './legacy-format.ts'
import { TruncatingBackend } from './truncating-backend.ts'
import { WebhookBackend } from './webhook-backend.ts'

const eventOf = (auditID: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  kind: 'Event',
  apiVersion: 'audit.k8s.io/v1',
  level: 'RequestResponse',
  auditID,
  stage: 'ResponseComplete',
  requestURI: '/api/v1/secrets?x=1',
  verb: 'list',
  user: { username: 'ann', groups: ['a', 'b'] },
  requestReceivedTimestamp: '2026-01-02T03:04:05.120000Z',
  stageTimestamp: '2026-01-02T03:04:05.120000Z',
  ...more,
})

function context() {
  const metrics = createMetrics()
  const clock = fakeClock()
  const parts = { clock, metrics: createAuditMetrics(metrics), log: silentLogger, random: seededRandom(1) }
  return { clock, parts, errors: () => metrics.text().match(/^apiserver_audit_error_total.*$/gm) ?? [] }
}

/** Keeps batches; each waits until it is let go, where that is asked for. */
function keeper(holds = false) {
  const batches: string[][] = []
  const waiting: (() => void)[] = []
  const backend: AuditBackend = {
    process(events) {
      batches.push(events.map(({ auditID }) => auditID))
      return holds ? new Promise((resolve) => waiting.push(() => resolve(true))) : true
    },
    close: () => {},
  }
  return { backend, batches, letGo: () => waiting.splice(0).forEach((go) => go()) }
}

const batchOptions: BatchOptions = { bufferSize: 4, maxSize: 3, maxWaitMs: 1000, isConcurrent: true }
const settle = () => new Promise((resolve) => setImmediate(resolve))

test('BufferedBackend sends full batches at once and others when they have waited', async () => {
  const { clock, parts } = context()
  const { backend, batches } = keeper()
  const buffered = new BufferedBackend(backend, batchOptions, parts)
  for (const id of ['1', '2', '3', '4']) assert.equal(buffered.process([eventOf(id)]), true)
  await settle()
  assert.deepEqual(batches, [['1', '2', '3']])
  await clock.advance(999)
  assert.equal(batches.length, 1)
  await clock.advance(1)
  assert.deepEqual(batches, [['1', '2', '3'], ['4']])
})

test('BufferedBackend keeps to its throttle, loses and counts what does not fit meanwhile', async () => {
  const { clock, parts, errors } = context()
  const { backend, batches } = keeper()
  const options = { ...batchOptions, throttle: { qps: 1, burst: 1 } }
  const buffered = new BufferedBackend(backend, options, parts)
  for (let id = 0; id < 12; id++) buffered.process([eventOf(String(id))])
  await settle()
  assert.equal(batches.length, 1)
  assert.deepEqual(errors(), ['apiserver_audit_error_total{plugin="buffered"} 2'])
  await clock.advance(1000)
  assert.equal(batches.length, 2)
  await clock.advance(1000)
  await clock.advance(1000)
  assert.deepEqual(batches.flat().length, 10)
})

test('BufferedBackend loses nothing when it is closed, and takes nothing any more', async () => {
  const { parts, errors } = context()
  const { backend, batches, letGo } = keeper(true)
  const buffered = new BufferedBackend(backend, { ...batchOptions, bufferSize: 100 }, parts)
  for (let id = 0; id < 8; id++) buffered.process([eventOf(String(id))])
  let isClosed = false
  const closing = buffered.close().then(() => (isClosed = true))
  await settle()
  assert.deepEqual(
    batches.map(({ length }) => length),
    [3, 3, 2],
  )
  assert.equal(isClosed, false)
  letGo()
  await closing
  buffered.process([eventOf('late')])
  assert.equal(batches.flat().length, 8)
  assert.deepEqual(errors(), ['apiserver_audit_error_total{plugin="buffered"} 1'])
})

test('BufferedBackend sends one batch after another where the place wants it so', async () => {
  const { parts } = context()
  const { backend, batches, letGo } = keeper(true)
  const buffered = new BufferedBackend(backend, { ...batchOptions, maxSize: 1, isConcurrent: false }, parts)
  buffered.process([eventOf('1'), eventOf('2')])
  await settle()
  assert.deepEqual(batches, [['1']])
  letGo()
  await settle()
  assert.deepEqual(batches, [['1'], ['2']])
  letGo()
  await buffered.close()
})

test('AuditLog writes events as Go does, and TruncatingBackend measures them so', async () => {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'audit-'))
  const path = join(directory.path, 'audit.log')
  const { parts } = context()
  const log = new AuditLog({ path }, parts)
  const event = eventOf('1', { annotations: { note: '<a>&\u2028' } })
  log.process([event])
  await log.close()
  const line = await readFile(path, 'utf8')
  assert.match(line, /"annotations":\{"note":"\\u003ca\\u003e\\u0026\\u2028"\}\}\n$/)
  for (const [maxEventSize, isLost] of [
    [line.length, false],
    [line.length - 1, true],
  ] as const) {
    const { backend, batches } = keeper()
    const truncating = new TruncatingBackend(backend, { maxEventSize, maxBatchSize: 10_000 }, parts)
    await truncating.process([event])
    assert.equal(batches.length === 0, isLost)
  }
})

test('TruncatingBackend drops objects, then events, and parts batches', async () => {
  const { parts, errors } = context()
  const taken: AuditEvent[][] = []
  const inner: AuditBackend = { process: (events) => taken.push([...events]) > 0, close: () => {} }
  const truncating = new TruncatingBackend(inner, { maxEventSize: 1000, maxBatchSize: 1200 }, parts)
  const large = { metadata: { name: 'x'.repeat(2000) } }
  await truncating.process([
    eventOf('cut', { requestObject: large, responseObject: large, annotations: { a: 'b' } }),
    eventOf('lost', { requestURI: `/${'x'.repeat(2000)}` }),
    eventOf('not-cut', { level: 'Metadata', requestObject: large }),
    ...['1', '2', '3'].map((id) => eventOf(id, { userAgent: 'x'.repeat(200) })),
  ])
  assert.deepEqual(
    taken.map((batch) => batch.map(({ auditID }) => auditID)),
    [
      ['cut', '1'],
      ['2', '3'],
    ],
  )
  const [cut] = taken.flat()
  assert.equal(cut?.requestObject ?? cut?.responseObject, undefined)
  assert.deepEqual(cut?.annotations, { a: 'b', 'audit.k8s.io/truncated': 'true' })
  assert.deepEqual(errors(), ['apiserver_audit_error_total{plugin="truncate"} 2'])
})

test('WebhookBackend posts an EventList, tries again with growing pauses, and gives up in the end', async () => {
  const { clock, parts, errors } = context()
  let answers: ('fails' | 'works')[] = ['fails', 'works']
  const posted: { kind?: string; items?: readonly object[] }[] = []
  const post = (body: unknown) => {
    posted.push(body as object)
    return answers.shift() === 'works' ? Promise.resolve('') : Promise.reject(new Error('refused'))
  }
  const webhook = new WebhookBackend({ post, initialBackoffMs: 1000 }, parts)
  const first = webhook.process([eventOf('1')])
  await clock.advance(999)
  assert.equal(posted.length, 1)
  await clock.advance(400)
  assert.equal(await first, true)
  assert.equal(posted.length, 2)
  assert.equal(posted[1]?.kind, 'EventList')
  assert.deepEqual(Object.keys(posted[1]?.items?.[0] ?? {}).slice(0, 2), ['level', 'auditID'])
  answers = []
  const second = webhook.process([eventOf('2'), eventOf('3')])
  for (let tries = 0; tries < 5; tries++) await clock.advance(10_000)
  assert.equal(await second, false)
  assert.equal(posted.length, 2 + 5)
  assert.deepEqual(errors(), ['apiserver_audit_error_total{plugin="webhook"} 2'])
})

test('legacyLine is the line of text that upstream writes', () => {
  assert.equal(
    legacyLine(eventOf('1', { sourceIPs: ['10.0.0.1'], userAgent: 'kubectl "x"' })),
    '2026-01-02T03:04:05.12Z AUDIT: id="1" stage="ResponseComplete" ip="10.0.0.1" method="list" user="ann" ' +
      String.raw`groups="\"a\",\"b\"" as="<self>" asgroups="<lookup>" user-agent="kubectl \"x\"" ` +
      'namespace="<none>" uri="/api/v1/secrets?x=1" response="<deferred>"',
  )
})
