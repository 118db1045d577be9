import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { Observer } from '../pods/observer.ts'
import type { ContainerRuntime, ContainerStatus } from '../runtime/runtime.ts'
import { createLogRotator } from './log-rotation.ts'

async function untilTrue(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

test('createLogRotator rotates as many logs at a time as it may, as often as it is told', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'logs-'))
  t.after(() => rm(directory, { recursive: true }))
  const names = ['a', 'b', 'c']
  for (const name of names) await writeFile(join(directory, `${name}.log`), 'x'.repeat(100))
  const containers = names.map((id) => ({ id, state: 'running', logPath: join(directory, `${id}.log`) }))
  /** Those that are being reopened. */
  const open: (() => void)[] = []
  let most = 0
  const clock = fakeClock()
  const rotator = createLogRotator({
    runtime: {
      usesHost: true,
      async reopenContainerLog() {
        await new Promise<void>((resolve) => {
          open.push(resolve)
          most = Math.max(most, open.length)
        })
      },
    } as unknown as ContainerRuntime,
    observer: {
      podUIDs: () => ['uid'],
      get: () => ({ sandboxes: [], containers: containers as unknown as ContainerStatus[] }),
    } as unknown as Observer,
    clock,
    log: silentLogger,
    maximumBytes: 100,
    workers: 2,
    checkPeriodMs: 3000,
  })
  t.after(() => rotator.stop())

  await clock.advance(2999)
  assert.equal(open.length, 0)
  await clock.advance(1)
  await untilTrue(() => open.length === 2)
  open.shift()!()
  await untilTrue(() => open.length === 2)
  for (const finish of open) finish()
  assert.equal(most, 2)
  assert.equal((await readdir(directory)).filter((name) => /\.log\.\d{8}-\d{6}$/.test(name)).length, 3)
})
