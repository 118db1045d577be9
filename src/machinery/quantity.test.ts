import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  addQuantity,
  canonicalQuantity,
  compareQuantity,
  formatQuantity,
  milliQuantityOf,
  multiplyQuantity,
  negateQuantity,
  parseQuantity,
  QuantityError,
  quantityMilliValue,
  quantityOf,
  quantityToFloat,
  quantityValue,
  scaledQuantityValue,
  subtractQuantity,
  type ParsedQuantity,
  type QuantityFormat,
} from './quantity.ts'

test('canonicalQuantity writes as upstream', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['0', '0'],
    ['00', '0'],
    ['0Ki', '0'],
    ['-0m', '0'],
    ['1024Mi', '1Gi'],
    ['307200Ki', '300Mi'],
    ['1025024Mi', '1001Gi'],
    ['1001Gi', '1001Gi'],
    ['5000m', '5'],
    ['0.5', '500m'],
    ['1.5', '1500m'],
    ['1.5Gi', '1536Mi'],
    ['1000M', '1G'],
    ['0.001T', '1G'],
    ['1000u', '1m'],
    ['1.08', '1080m'],
    ['1080000000n', '1080m'],
    ['.001e12', '1e9'],
    ['0.001e0', '1e-3'],
    ['1000e-12', '1e-9'],
    ['1e3', '1e3'],
    ['1E3', '1E3'],
    ['12e6', '12e6'],
    ['.001Ki', '1024m'],
    ['.000000001Ki', '1024n'],
    ['.000000000001Ki', '2n'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['9Ei', '9223372036854775807'],
    ['-9Ei', '-9223372036854775807'],
    ['1Ei', '1Ei'],
    ['123456789012345678901', '123456789012345678901'],
    ['1000E', '1000E'],
    ['100m', '100m'],
    ['1023', '1023'],
    ['1024', '1024'],
    ['1000', '1k'],
    // Upstream keeps these as written.
    ['+5', '+5'],
    ['1.234', '1.234'],
    ['05', '05'],
    ['1.', '1.'],
    // Lenient as upstream.
    ['.', '0'],
    ['Mi', '0'],
  ]
  for (const [text, canonical] of rows) assert.equal(canonicalQuantity(text), canonical, text)
})

test('parseQuantity remembers amount and format', () => {
  const rows: readonly (readonly [string, string, QuantityFormat])[] = [
    ['100.035Ki', '102435840m', 'BinarySI'],
    ['0.05Gi', '53687091200m', 'BinarySI'],
    ['0.0000000005', '1n', 'DecimalSI'],
    ['1.3E+6', '1300k', 'DecimalExponent'],
    ['1.1E-9', '2n', 'DecimalExponent'],
    ['0.000000000001Ki', '2n', 'DecimalSI'],
    ['0Gi', '0', 'BinarySI'],
  ]
  for (const [text, amount, format] of rows) {
    assert.equal(compareQuantity(text, amount), 0, text)
    assert.equal(parseQuantity(text).format, format, text)
  }
})

test('parseQuantity refuses in upstream words', () => {
  const regex = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
  const suffix = "unable to parse quantity's suffix"
  const rows: readonly (readonly [string, string])[] = [
    ['', regex],
    ['1.1.M', regex],
    ['1+1.0M', regex],
    ['0.1mi', suffix],
    ['0.1am', regex],
    ['aoeu', regex],
    ['.5i', suffix],
    ['1i', suffix],
    ['-3.01e-', suffix],
    [' 1', regex],
    ['1 ', regex],
    ['1-5', suffix],
  ]
  for (const [text, message] of rows) assert.throws(() => parseQuantity(text), { message }, text)
})

test('quantityValue and quantityMilliValue round away from zero', () => {
  const rows: readonly (readonly [string, number, number])[] = [
    ['100m', 1, 100],
    ['1', 1, 1000],
    ['1.0001', 2, 1001],
    ['-1.0001', -2, -1001],
    ['1Gi', 2 ** 30, 2 ** 30 * 1000],
    ['1n', 1, 1],
    ['0', 0, 0],
    ['1e400', 2 ** 63, 2 ** 63],
    ['-1e400', -(2 ** 63), -(2 ** 63)],
  ]
  for (const [text, value, milliValue] of rows) {
    assert.deepEqual([quantityValue(text), quantityMilliValue(text)], [value, milliValue], text)
  }
  assert.equal(scaledQuantityValue('1', -9), 1e9)
})

test('addQuantity keeps the format of what was there first', () => {
  assert.equal(formatQuantity(addQuantity('1Gi', '1G')), '2073741824')
  assert.equal(formatQuantity(addQuantity('512Mi', '512Mi')), '1Gi')
  assert.equal(formatQuantity(addQuantity('0', '1Gi')), '1Gi')
  assert.equal(formatQuantity(addQuantity('250m', '1')), '1250m')
  assert.equal(formatQuantity(subtractQuantity('1', '1500m')), '-500m')
  assert.equal(formatQuantity(subtractQuantity('0', '1Gi')), '-1Gi')
  assert.equal(formatQuantity(negateQuantity('1Gi')), '-1Gi')
  assert.equal(formatQuantity(multiplyQuantity('250m', 4)), '1')
})

test('quantityOf and milliQuantityOf write in the format asked for', () => {
  assert.equal(formatQuantity(quantityOf(1024 ** 3, 'BinarySI')), '1Gi')
  assert.equal(formatQuantity(milliQuantityOf(1500)), '1500m')
  assert.equal(quantityToFloat('1500m'), 1.5)
})

test('absurd exponents cost neither time nor memory', () => {
  assert.equal(compareQuantity('1e1000000000', '1'), 1)
  assert.equal(compareQuantity('-1e1000000000', '1e1000000000'), -1)
  assert.equal(canonicalQuantity('1e-1000000000'), '1e-9')
  assert.equal(compareQuantity(addQuantity('1e1000000000', '1'), '1e1000000000'), 0)
})

test('amounts that are written at length cost no time', () => {
  const started = performance.now()
  assert.equal(canonicalQuantity(`1${'0'.repeat(60_000)}`), '1e60000')
  assert.throws(() => parseQuantity(`${'0'.repeat(60_000)}x`), QuantityError)
  assert.throws(() => parseQuantity('1'.repeat(1_000_000)), QuantityError)
  assert.ok(performance.now() - started < 1000)
})

const quantities: fc.Arbitrary<ParsedQuantity> = fc
  .record({
    mantissa: fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
    exponent: fc.integer({ min: -9, max: 18 }),
    format: fc.constantFrom<QuantityFormat>('DecimalSI', 'BinarySI', 'DecimalExponent'),
  })
  .filter(
    ({ mantissa, exponent, format }) =>
      format !== 'BinarySI' || Math.abs(Number(mantissa) * 10 ** exponent) < 2 ** 63,
  )

test('formatQuantity and parseQuantity are inverse', () => {
  fc.assert(
    fc.property(quantities, (quantity) => {
      const text = formatQuantity(quantity)
      assert.equal(compareQuantity(text, quantity), 0)
      if (quantity.format !== 'BinarySI') assert.equal(canonicalQuantity(text), text)
    }),
  )
})

test('arithmetic of quantities is that of numbers', () => {
  fc.assert(
    fc.property(quantities, quantities, (a, b) => {
      assert.equal(compareQuantity(subtractQuantity(addQuantity(a, b), b), a), 0)
      assert.equal(compareQuantity(addQuantity(a, b), addQuantity(b, a)), 0)
      assert.equal(compareQuantity(a, b), 0 - compareQuantity(b, a))
    }),
  )
})
