import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { unpackTo } from './unpack.ts'

const content = Buffer.from('an archive')

describe('unpackTo', () => {
  const rows = [
    ['a plain file', content],
    ['an empty file', Buffer.alloc(0), Buffer.alloc(0)],
    ['a gzipped file', gzipSync(content)],
    ['a file packed with zstd', zstdCompressSync(content)],
  ] as const
  for (const [what, packed, expected = content] of rows) {
    it(`copies ${what}`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'k8ts-unpack-'))
      t.after(() => rmSync(folder, { recursive: true }))
      const [from, to] = [join(folder, 'from'), join(folder, 'to')]
      writeFileSync(from, packed)
      await unpackTo(to, from)
      assert.deepEqual(readFileSync(to), expected)
    })
  }

  it('refuses a file that is cut off', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'k8ts-unpack-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'from'), gzipSync(content).subarray(0, 15))
    await assert.rejects(unpackTo(join(folder, 'to'), join(folder, 'from')))
  })
})
