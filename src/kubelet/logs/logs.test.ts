import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { systemClock } from '../../machinery/clock.ts'
import { openLogFile, memoryLogFile } from './log-file.ts'
import { parseLogLine } from './log-line.ts'
import { readLog, type LogOptions } from './read-log.ts'
import { readTail } from './read-tail.ts'

const at = (second: number) => `2026-01-01T00:00:0${second}.123456789Z`
const log = [
  `${at(1)} stdout F one`,
  `${at(2)} stderr F two`,
  `${at(3)} stdout P thr`,
  `${at(3)} stdout F ee`,
  `${at(4)} stdout F `,
  `${at(5)} stdout F five`,
  '',
].join('\n')

async function read(text: string, options: Partial<LogOptions>, isPlain = false): Promise<string> {
  const parts: Uint8Array[] = []
  await readLog(
    { file: memoryLogFile(Buffer.from(text)), isPlain, isRunning: () => false },
    { follow: false, timestamps: false, stream: 'All', ...options },
    systemClock,
    async (data) => void parts.push(data),
    new AbortController().signal,
  )
  return Buffer.concat(parts).toString()
}

describe('readLog', () => {
  const rows: readonly (readonly [Partial<LogOptions>, string])[] = [
    [{}, 'one\ntwo\nthree\n\nfive\n'],
    [{ tailLines: 1 }, 'five\n'],
    [{ tailLines: 2 }, '\nfive\n'],
    [{ tailLines: 100 }, 'one\ntwo\nthree\n\nfive\n'],
    [{ tailLines: 0 }, ''],
    [{ stream: 'Stderr' }, 'two\n'],
    [{ sinceMs: Date.parse(at(4)) }, '\nfive\n'],
    [{ limitBytes: 6 }, 'one\ntw'],
    [{ timestamps: true, tailLines: 1 }, `${at(5)} five\n`],
  ]
  for (const [options, expected] of rows) {
    it(JSON.stringify(options), async () => assert.equal(await read(log, options), expected))
  }

  it('leaves a line out that is not whole yet', async () => {
    assert.equal(await read(`${log}${at(6)} stdout F hal`, { tailLines: 1 }), '')
  })

  it('reads plain text as it is', async () => {
    assert.equal(await read('a\nb\nc', { tailLines: 2 }, true), 'b\nc')
  })

  it('follows across a rotation until the container ends', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'log-'))
    const path = join(directory, '0.log')
    let isRunning = true
    let text = ''
    await writeFile(path, `${at(1)} stdout F one\n`)
    const reading = readLog(
      { file: await openLogFile(path), isPlain: false, isRunning: () => isRunning },
      { follow: true, timestamps: false, stream: 'All' },
      systemClock,
      async (data) => {
        text += Buffer.from(data).toString()
        if (text === 'one\n') await appendFile(path, `${at(2)} stdout F two\n`)
        if (text === 'one\ntwo\n') {
          await rename(path, `${path}.old`)
          await writeFile(path, `${at(3)} stdout F three\n`)
        }
        if (text.endsWith('three\n')) isRunning = false
      },
      new AbortController().signal,
    )
    await reading
    assert.equal(text, 'one\ntwo\nthree\n')
    await rm(directory, { recursive: true })
  })
})

describe('readTail', () => {
  it('gives the last lines within both limits', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tail-'))
    const path = join(directory, 'log')
    const lines = Array.from({ length: 200 }, (_, index) => `${at(1)} stdout F line ${index}\n`)
    await writeFile(path, lines.join(''))
    assert.equal(await readTail(path, 2, 2048), 'line 198\nline 199\n')
    assert.equal(await readTail(path, 80, 12), '98\nline 199\n')
    assert.equal((await readTail(path, 80, 2048)).split('\n').length, 81)
    await rm(directory, { recursive: true })
  })
})

describe('parseLogLine', () => {
  it('refuses what is no log line', () => {
    for (const text of ['', 'x', `${at(1)} stdin F x`, 'no-spaces-here']) {
      assert.equal(parseLogLine(Buffer.from(text)), undefined)
    }
  })
})
