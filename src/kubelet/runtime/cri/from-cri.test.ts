import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { formatTime } from '../../../machinery/time.ts'
import {
  containerFromCri,
  containerStatusFromCri,
  imageFromCri,
  sandboxFromCri,
  sandboxStatusFromCri,
  statsFromCri,
  statusFromCri,
} from './from-cri.ts'
import {
  ContainerSchema,
  ContainerStatsSchema,
  ContainerStatusSchema,
  ImageSchema,
  PodSandboxSchema,
  PodSandboxStatusSchema,
  StatusResponseSchema,
} from './generated/api_pb.ts'

describe('malformed answers of a runtime', () => {
  it('may lack everything', () => {
    assert.equal(sandboxFromCri(create(PodSandboxSchema)).uid, '')
    assert.deepEqual(sandboxStatusFromCri(create(PodSandboxStatusSchema)).ips, [])
    assert.equal(containerFromCri(create(ContainerSchema)).name, '')
    assert.equal(containerStatusFromCri(create(ContainerStatusSchema), 'test').startedAtMs, 0)
    assert.equal(statsFromCri(create(ContainerStatsSchema, { cpu: {} }))?.cpuUsageNanoseconds, 0n)
    assert.equal(imageFromCri(create(ImageSchema)).sizeBytes, 0)
    assert.deepEqual(statusFromCri(create(StatusResponseSchema)).conditions, [])
  })

  it('are no usage of containers that ended', () => {
    const attributes = { id: 'c', metadata: { name: 'init' } }
    assert.equal(statsFromCri(create(ContainerStatsSchema, { attributes, writableLayer: {} })), undefined)
  })

  const addresses: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['10.0.0.1', ['fd00::1'], ['10.0.0.1', 'fd00::1']],
    ['10.0.0.1/24', ['10.0.0.2'], []],
    ['10.0.0.1', ['none', '10.0.0.3'], ['10.0.0.1']],
    ['', ['10.0.0.1'], []],
    ['999.0.0.1', [], []],
  ]
  for (const [ip, additional, expected] of addresses) {
    it(`may tell addresses that are none: ${JSON.stringify([ip, ...additional])}`, () => {
      const additionalIps = additional.map((ip) => ({ ip }))
      const status = create(PodSandboxStatusSchema, { network: { ip, additionalIps } })
      assert.deepEqual(sandboxStatusFromCri(status).ips, expected)
    })
  }

  it('may tell times that are none', () => {
    for (const time of [-1n, 2n ** 63n - 1n, 1_700_000_000_000_000_000n]) {
      const status = create(ContainerStatusSchema, { createdAt: time, startedAt: time, finishedAt: time })
      const { createdAtMs, startedAtMs, finishedAtMs } = containerStatusFromCri(status, 'test')
      for (const ms of [createdAtMs, startedAtMs, finishedAtMs]) assert.match(formatTime(ms), /^\d{4}-/)
    }
  })

  it('may be in a state that nobody knows', () => {
    assert.equal(containerFromCri(create(ContainerSchema, { state: 99 as never })).state, 'unknown')
    assert.equal(sandboxFromCri(create(PodSandboxSchema, { state: 99 as never })).state, 'notReady')
  })
})
