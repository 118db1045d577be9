import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, path } from '../../machinery/field-error.ts'
import { subdomain } from '../testing/strategy-faults.ts'
import { validateCsiDriverName } from './csi-driver-name.ts'

const rows: readonly (readonly [name: string | undefined, ...faults: string[]])[] = [
  ['d.example'],
  ['D.example'],
  [undefined, 'driver: Required value'],
  ['', 'driver: Required value'],
  ['d_', `driver: Invalid value: "d_": ${subdomain}`],
  ['d'.repeat(64), 'driver: Too long: may not be more than 63 bytes'],
]

for (const [name, ...faults] of rows)
  test(`validateCsiDriverName judges ${JSON.stringify(name)}`, () =>
    assert.deepEqual(validateCsiDriverName(name, path('driver')).map(fieldErrorText), faults))
