import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileSelector, deviceVariable, selectorFault, selects } from './selector-expressions.ts'

/*
 * Selectors of devices. Source: the descriptions of resource/v1, CELDeviceSelector, and
 * k8s.io/dynamic-resource-allocation/cel.
 */

const driver = 'dra.example.com'
const device = deviceVariable(driver, {
  name: 'd',
  attributes: {
    model: { string: 'A100' },
    shared: { bool: true },
    version: { version: '1.2.3' },
    'ext.example.com/family': { string: 'x' },
  },
  capacity: { memory: { value: '40Gi' } },
})

const rows: readonly (readonly [expression: string, wanted: boolean])[] = [
  [`device.driver == 'dra.example.com'`, true],
  [`device.attributes['dra.example.com'].model == 'A100'`, true],
  [`device.attributes['dra.example.com'].model.matches('^B')`, false],
  [`device.attributes['dra.example.com']['model'].matches('^A[0-9]+$')`, true],
  [`device.attributes['dra.example.com'].model.lowerAscii().contains('a1')`, true],
  [`device.attributes['dra.example.com'].shared`, true],
  [`device.attributes['dra.example.com'].version.isGreaterThan(semver('1.0.0'))`, true],
  [`device.attributes['ext.example.com'].family == 'x'`, true],
  [`'y.example.com' in device.attributes`, false],
  [`has(device.attributes['y.example.com'].family)`, false],
  [`device.attributes['dra.example.com'].exists(name, name.matches('^m'))`, true],
  [`device.attributes.exists(domain, domain.startsWith('ext.'))`, true],
  [`device.capacity['dra.example.com'].memory.compareTo(quantity('40Gi')) == 0`, true],
  [`device.allowMultipleAllocations`, false],
  [`cel.bind(dra, device.attributes["dra.example.com"], dra.shared && dra.model == 'A100')`, true],
]

for (const [expression, wanted] of rows)
  test(`selectors may say ${expression}`, () => {
    assert.equal(selectorFault(expression), undefined)
    const compiled = compileSelector(expression)
    assert.ok('program' in compiled)
    assert.equal(selects(compiled.program, device), wanted)
  })

const costs: readonly (readonly [expression: string, max: number])[] = [
  // A tenth of the name's 63 characters, times the pattern's length over four.
  [`device.driver.matches('^a+$')`, 2 + Math.ceil(64 * 0.1) * Math.ceil(4 * 0.25)],
  // An attribute has 64 characters at most.
  [`device.attributes['d'].model.matches('^a+$')`, 4 + 7],
  [`device.attributes['d'].model.contains('x')`, 4 + 7],
  // There are 32 names at most, of 32 characters.
  [`device.attributes['d'].exists(name, name.contains('x'))`, 4 + 32 * (5 + 4)],
]

for (const [expression, max] of costs)
  test(`compileSelector knows what ${expression} costs at most`, () => {
    const compiled = compileSelector(expression)
    assert.ok('program' in compiled)
    assert.equal(compiled.program.estimateCost().max, max)
  })
