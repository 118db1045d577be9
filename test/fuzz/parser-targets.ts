import assert from 'node:assert/strict'
import { parseCronSchedule } from '../../src/machinery/cron/cron-schedule.ts'
import { CronError } from '../../src/machinery/cron/cron-fields.ts'
import { DurationError, formatDuration, parseDuration } from '../../src/machinery/duration.ts'
import { formatFieldSelector, matchesFields, parseFieldSelector } from '../../src/machinery/field-selector.ts'
import { cidrContains, formatIp, parseCidr, parseIp } from '../../src/machinery/ip.ts'
import { executeJsonPath, JsonPathError, parseJsonPath } from '../../src/machinery/json-path.ts'
import { formatLabelSelector, matchesLabels, parseLabelSelector } from '../../src/machinery/label-selector.ts'
import { canonicalQuantity, QuantityError } from '../../src/machinery/quantity.ts'
import { SelectorError } from '../../src/machinery/selector-error.ts'
import { parseRequestInfo } from '../../src/apiserver/http/parse-request-info.ts'
import { decodePath, queryOf } from '../../src/apiserver/http/request-url.ts'
import type { FuzzTarget } from './fuzz.ts'
import { expecting } from './outcome.ts'

const labels = { app: 'web', tier: 'front', n: '5' }
const object = {
  kind: 'Pod',
  metadata: { name: 'a', labels },
  spec: { containers: [{ name: 'c' }, { name: 'd' }] },
}

export const parserTargets: readonly FuzzTarget[] = [
  {
    name: 'label-selector',
    run: (input) =>
      expecting([SelectorError], () => {
        const selector = parseLabelSelector(input.toString())
        const text = formatLabelSelector(selector)
        const again = parseLabelSelector(text)
        assert.equal(formatLabelSelector(again), text)
        assert.equal(matchesLabels(again, labels), matchesLabels(selector, labels))
        return selector.requirements.map(({ operator }) => operator).join()
      }),
  },
  {
    name: 'field-selector',
    run: (input) =>
      expecting([SelectorError], () => {
        const selector = parseFieldSelector(input.toString())
        const { requirements } = parseFieldSelector(formatFieldSelector(selector))
        const inAnyOrder = (all: readonly object[]) => all.map((one) => JSON.stringify(one)).sort()
        // Names of fields have no escapes, and no kind has one with a backslash.
        const isPlain = selector.requirements.every(({ field }) => !field.includes('\\'))
        if (isPlain) assert.deepEqual(inAnyOrder(requirements), inAnyOrder(selector.requirements))
        return `${matchesFields(selector, { 'metadata.name': 'a' })} ${selector.requirements.length}`
      }),
  },
  {
    name: 'request-line',
    run(input) {
      const [method = '', url = ''] = input.toString().split(' ')
      const info = parseRequestInfo(method, decodePath(url), queryOf(url))
      // No part of a path says more than one thing.
      for (const part of [info.group, info.version, info.namespace, info.resource, info.subresource]) {
        assert.ok(!part.includes('/'))
      }
      assert.equal(typeof info.verb, 'string')
      if (!info.isResourceRequest) assert.equal(info.resource, '')
      return `${info.verb} ${info.parts.length}`.slice(0, 40)
    },
  },
  {
    name: 'quantity',
    run: (input) =>
      expecting([QuantityError], () => {
        const canonical = canonicalQuantity(input.toString())
        assert.equal(canonicalQuantity(canonical), canonical)
        return canonical.replaceAll(/\d+/g, '0').slice(0, 20)
      }),
  },
  {
    name: 'duration',
    run: (input) =>
      expecting([DurationError], () => {
        const text = formatDuration(parseDuration(input.toString()))
        assert.equal(formatDuration(parseDuration(text)), text)
        return text.replaceAll(/\d+/g, '0')
      }),
  },
  {
    name: 'cron',
    run: (input) =>
      expecting([CronError], () => {
        const schedule = parseCronSchedule(input.toString())
        const start = Date.UTC(2026, 0, 1)
        const next = schedule.next(start)
        assert.ok(next === undefined || next > start)
        return String(next === undefined)
      }),
  },
  {
    name: 'json-path',
    run: (input) =>
      expecting([JsonPathError], () => {
        const text = executeJsonPath(parseJsonPath(input.toString()), object, { allowMissingKeys: true })
        return text.slice(0, 20)
      }),
  },
  {
    name: 'ip',
    run(input) {
      const text = input.toString()
      const address = parseIp(text)
      if (address) assert.deepEqual(parseIp(formatIp(address)), address)
      const network = parseCidr(text)
      if (network) assert.ok(cidrContains(network, network.address))
      return `${address?.family} ${network?.prefixLength}`
    },
  },
]
