import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { createLineSplitter } from './json-lines.ts'

void describe('createLineSplitter', () => {
  void it('gives the same lines however the bytes are cut', () => {
    const lines = fc.array(
      fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => text.replaceAll('\n', '')),
    )
    fc.assert(
      fc.property(lines, fc.array(fc.nat(40)), (wanted, cuts) => {
        const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(''))
        const splitter = createLineSplitter()
        const got: string[] = []
        let start = 0
        for (const size of [...cuts, bytes.length]) {
          got.push(...splitter.push(bytes.subarray(start, start + size)))
          start += size
        }
        assert.deepEqual(
          got,
          wanted.filter((line) => line !== ''),
        )
        assert.equal(splitter.unfinished, false)
      }),
    )
  })

  void it('says that a line is unfinished', () => {
    const splitter = createLineSplitter()
    assert.deepEqual(splitter.push(Buffer.from('a\nb')), ['a'])
    assert.equal(splitter.unfinished, true)
  })
})
