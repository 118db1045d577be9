import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRecords, encodeRecord, type LogRecord } from './record.ts'

const put = { type: 'put', revision: 7n, key: '/a/é', createRevision: 3n, expiresAtMs: 0 } as const
const frame = Buffer.from('a frame')
const outlined = {
  ...put,
  value: {
    frame,
    length: 30,
    outline: {
      bytes: Buffer.from('0123456789'),
      bulk: [
        { start: 0, end: 5 },
        { start: 10, end: 25 },
      ],
    },
  },
} satisfies LogRecord

const records: Readonly<Record<string, LogRecord>> = {
  'a plain value': { ...put, value: Buffer.from('value') },
  'a compressed value': { ...put, value: { frame, length: 20_000 } },
  'a compressed value with an outline': outlined,
  'a deletion': { type: 'delete', revision: 8n, key: '/a' },
  'a mark': { type: 'compacted', revision: 9n },
}

test('decodeRecords reads what encodeRecord wrote', () => {
  const all = Object.values(records)
  assert.deepEqual(decodeRecords(Buffer.concat(all.map(encodeRecord))), all)
})

/** Where the numbers of an outlined value stand: its length, the outline's, the ranges' count, their starts and ends. */
const numbersStart = 32 + Buffer.byteLength(put.key)

for (const [name, index, value] of [
  ['an outline longer than the record', 1, 1000],
  ['more ranges than the record has room for', 2, 1000],
  ['ranges that leave another length', 0, 31],
  ['ranges that overlap', 5, 4],
  ['a range that ends before it begins', 4, 0xffff_ffff],
  ['a range behind the end', 6, 31],
] as const) {
  test(`decodeRecords refuses a value with ${name}`, () => {
    const bytes = encodeRecord(outlined)
    bytes.writeUInt32BE(value, numbersStart + 4 * index)
    assert.equal(decodeRecords(bytes), undefined)
  })
}

test('decodeRecords refuses a compressed value that is cut short', () => {
  for (const type of ['a compressed value', 'a compressed value with an outline']) {
    const whole = encodeRecord(records[type]!)
    const cut = Buffer.from(whole.subarray(0, numbersStart + 2))
    cut.writeUInt32BE(cut.length, 0)
    assert.equal(decodeRecords(cut), undefined, type)
  }
})
