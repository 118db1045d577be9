import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CliError } from '../cli/cli-error.ts'
import { parseCommandLine } from '../cli/command-line.ts'
import type { Command } from '../cli/command.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import {
  controllersFlags,
  describeControllersFlags,
  parseCidrs,
  parseControllersFlags,
} from './controllers-flags.ts'

const command: Command = {
  name: 'controllers',
  summary: '',
  options: controllersFlags,
  run: () => Promise.resolve(exitCodes.done),
}

function parse(...args: readonly string[]) {
  const invocation = parseCommandLine([command], ['controllers', ...args])
  assert.ok(invocation.type === 'run')
  return parseControllersFlags(invocation.input)
}

describe('parseCidrs', () => {
  const parseRange = (...args: readonly string[]) => {
    const range = { ...command, options: { range: { description: '', value: 'CIDR' } } }
    const invocation = parseCommandLine([range], ['controllers', ...args])
    assert.ok(invocation.type === 'run')
    return parseCidrs(invocation.input, 'range')
  }
  it('takes networks with commas between them, and refuses what is none', () => {
    assert.deepEqual(parseRange(), [])
    assert.deepEqual(parseRange('--range=10.96.0.0/16,fd00::/108'), ['10.96.0.0/16', 'fd00::/108'])
    assert.throws(() => parseRange('--range=10.96.0.0/16,'), /--range: '' is no network/)
  })
})

describe('parseControllersFlags', () => {
  it('says nothing of what was not given', () => {
    assert.deepEqual(parse(), {
      nodeLifecycle: { evictionRates: {} },
      horizontalPodAutoscaler: {},
      concurrency: {},
    })
  })

  it('takes each part from its flag', () => {
    const flags = parse(
      '--max-endpoints-per-slice=3',
      '--terminated-pod-gc-threshold=0',
      '--node-startup-grace-period=2m',
      '--unhealthy-zone-threshold=0.7',
      '--horizontal-pod-autoscaler-tolerance=.2',
      '--concurrent-deployment-syncs=9',
    )
    assert.deepEqual(flags, {
      nodeLifecycle: { startupGracePeriodMs: 120_000, evictionRates: { unhealthyZoneThreshold: 0.7 } },
      maxEndpointsPerSlice: 3,
      terminatedPodThreshold: 0,
      horizontalPodAutoscaler: { tolerance: 0.2 },
      concurrency: { deployment: 9 },
    })
  })

  it("describes upstream's defaults where nothing was given", () => {
    assert.deepEqual(describeControllersFlags(parse()), {
      NodeLifecycleController: {
        NodeEvictionRate: 0.1,
        SecondaryNodeEvictionRate: 0.01,
        NodeStartupGracePeriod: '1m0s',
        NodeMonitorGracePeriod: '50s',
        LargeClusterSizeThreshold: 50,
        UnhealthyZoneThreshold: 0.55,
      },
      EndpointSliceController: { MaxEndpointsPerSlice: 100 },
      EndpointSliceMirroringController: { MirroringMaxEndpointsPerSubset: 1000 },
      PodGCController: { TerminatedPodGCThreshold: 12_500 },
      HPAController: {
        HorizontalPodAutoscalerSyncPeriod: '15s',
        HorizontalPodAutoscalerDownscaleStabilizationWindow: '5m0s',
        HorizontalPodAutoscalerTolerance: 0.1,
      },
    })
  })

  const refused: readonly (readonly [string, RegExp])[] = [
    ['--max-endpoints-per-slice=0', /whole number from 1/],
    ['--max-endpoints-per-slice=1001', /must not be more than 1000, but got 1001/],
    ['--concurrent-service-endpoint-syncs=51', /must not be more than 50, but got 51/],
    ['--node-eviction-rate=fast', /must be a number, not 'fast'/],
    ['--node-startup-grace-period=0s', /must be greater than zero/],
  ]
  for (const [flag, message] of refused) {
    it(`refuses ${flag}`, () => {
      assert.throws(
        () => parse(flag),
        (error) => error instanceof CliError && message.test(error.message),
      )
    })
  }
})
