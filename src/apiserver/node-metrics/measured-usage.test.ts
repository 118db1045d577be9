import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { measureNode, measurePod } from './measured-usage.ts'
import { parseResourceSample } from './resource-sample.ts'

interface Reading {
  readonly atMs: number
  readonly cpuSeconds: number
  readonly startedSeconds?: number
}

function aSample({ atMs, cpuSeconds, startedSeconds }: Reading) {
  const labels = '{container="c",namespace="default",pod="p"}'
  return parseResourceSample(
    [
      '# TYPE container_cpu_usage_seconds_total counter',
      `container_cpu_usage_seconds_total${labels} ${cpuSeconds} ${atMs}`,
      `container_memory_working_set_bytes${labels} 1.048576e+06 ${atMs}`,
      ...(startedSeconds === undefined ? [] : [`container_start_time_seconds${labels} ${startedSeconds}`]),
      `node_cpu_usage_seconds_total ${cpuSeconds} ${atMs}`,
      `node_memory_working_set_bytes 2097152 ${atMs}`,
      '',
    ].join('\n'),
    0,
  )
}

const usage = { cpu: '250m', memory: '1Mi' }

void describe('measurePod', () => {
  const rows: readonly (readonly [string, Reading, Reading, object | undefined])[] = [
    [
      'measures between two looks',
      { atMs: 10_000, cpuSeconds: 1, startedSeconds: 1 },
      { atMs: 20_000, cpuSeconds: 3.5, startedSeconds: 1 },
      { timestampMs: 20_000, windowMs: 10_000, containers: [{ name: 'c', usage }] },
    ],
    [
      'measures a container that restarted from its start',
      { atMs: 10_000, cpuSeconds: 1, startedSeconds: 1 },
      { atMs: 20_000, cpuSeconds: 1, startedSeconds: 16 },
      { timestampMs: 20_000, windowMs: 4_000, containers: [{ name: 'c', usage }] },
    ],
    [
      'knows nothing of one that used less than before',
      { atMs: 10_000, cpuSeconds: 5 },
      { atMs: 20_000, cpuSeconds: 1 },
      undefined,
    ],
    [
      'knows nothing of one moment',
      { atMs: 10_000, cpuSeconds: 5 },
      { atMs: 10_000, cpuSeconds: 5 },
      undefined,
    ],
  ]
  for (const [criterion, before, after, expected] of rows) {
    void it(criterion, () => {
      assert.deepEqual(measurePod(aSample(before), aSample(after), 'default/p'), expected)
    })
  }
})

void it('measureNode measures between two looks', () => {
  const measured = measureNode(aSample({ atMs: 0, cpuSeconds: 0 }), aSample({ atMs: 3000, cpuSeconds: 1 }))
  assert.deepEqual(measured, {
    timestampMs: 3000,
    windowMs: 3000,
    usage: { cpu: '333333333n', memory: '2Mi' },
  })
})

void it('parseResourceSample leaves out containers of which a part is missing', () => {
  const text = 'container_cpu_usage_seconds_total{container="c",namespace="a",pod="p"} 1 1000\n'
  assert.equal(parseResourceSample(text, 0).pods.get('a/p')?.size, 0)
})
