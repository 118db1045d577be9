import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { reloadFile } from './reloaded-file.ts'
import { reloadMetrics } from './reload-metrics.ts'

const folder = mkdtempSync(join(tmpdir(), 'k8ts-reloaded-'))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Value {
  readonly text: string
  readonly first: string | undefined
}

function aFile(name: string) {
  const path = join(folder, name)
  writeFileSync(path, 'one')
  const clock = fakeClock()
  const metrics = createMetrics()
  const closed: string[] = []
  const notReady = new Set<string>()
  const file = reloadFile<Value>(
    path,
    (text, first) => {
      if (text === 'wrong') throw new Error('it is wrong')
      return { text, first: first?.text }
    },
    {
      clock,
      log: silentLogger,
      fault: ({ text }) => (notReady.has(text) ? new Error(`${text} is not ready`) : undefined),
      replaced: ({ text }) => void closed.push(text),
      observer: reloadMetrics('authentication', { metrics, clock, serverId: 'one' }),
    },
  )
  const write = (text: string) => writeFileSync(path, text)
  const reloads = (status: string) =>
    metrics.text().match(new RegExp(`automatic_reloads_total\\{status="${status}",.*\\} (\\d+)`))?.[1]
  return { file, clock, metrics, closed, notReady, write, reloads }
}

describe('reloadFile', () => {
  it('closes what it replaced when the requests that have begun are over', async () => {
    const { file, clock, closed, write } = aFile('grace')
    write('two')
    await clock.advance(1_000)
    assert.deepEqual(file.current, { text: 'two', first: 'one' })
    assert.deepEqual(closed, [])
    await clock.advance(60_000)
    assert.deepEqual(closed, ['one'])
    file.close()
    assert.deepEqual(closed, ['one', 'two'])
  })

  it('keeps to the old value until the new one is ready', async () => {
    const { file, clock, closed, notReady, write, reloads } = aFile('ready')
    notReady.add('two')
    write('two')
    await clock.advance(5_000)
    assert.equal(file.current.text, 'one')
    notReady.clear()
    await clock.advance(1_000)
    assert.equal(file.current.text, 'two')
    assert.equal(reloads('success'), '1')
    assert.deepEqual(closed, [])
    file.close()
    assert.deepEqual(closed, ['one', 'two'])
  })

  it('gives up on a value after a minute, and tries again', async () => {
    const { file, clock, closed, notReady, write, reloads } = aFile('never')
    notReady.add('two')
    write('two')
    await clock.advance(62_000)
    assert.equal(file.current.text, 'one')
    assert.deepEqual(closed, ['two'])
    assert.equal(reloads('failure'), '1')
    notReady.clear()
    await clock.advance(2_000)
    assert.equal(file.current.text, 'two')
    file.close()
  })

  it('tells which content counts, and counts those that do not', async () => {
    const { file, clock, metrics, write, reloads } = aFile('told')
    const info = () => metrics.text().match(/last_config_info\{.*\} 1/g)
    const [first] = info() ?? []
    assert.equal(reloads('success'), undefined)
    write('wrong')
    await clock.advance(10_000)
    assert.deepEqual(info(), [first])
    assert.equal(reloads('failure'), '1')
    write('two')
    await clock.advance(1_000)
    assert.equal(info()?.length, 1)
    assert.notEqual(info()?.[0], first)
    file.close()
  })
})
