import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, PodSpec, ResourceRequirements } from '../generated/core.v1.ts'
import { deployments, events, pods, resourceClaims } from '../generated/resources.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { podLimitTotals, podRequestTotals } from './pod-amounts.ts'
import { quotaEvaluatorOf } from './quota-evaluators.ts'
import { describeResources, exceedingResources, subtractResources } from './resource-list.ts'

const container = (resources: ResourceRequirements, rest: object = {}) => ({
  name: 'c',
  image: 'x',
  resources,
  ...rest,
})
const pod = (spec: PodSpec, rest: Partial<Pod> = {}): Pod => ({ metadata: { name: 'p' }, spec, ...rest })

describe('podRequestTotals', () => {
  const rows: readonly [string, PodSpec, string][] = [
    [
      'the sum of the containers',
      {
        containers: [
          container({ requests: { cpu: '100m' } }),
          container({ requests: { cpu: '1', memory: '1Gi' } }),
        ],
      },
      'cpu=1100m,memory=1Gi',
    ],
    [
      'the largest init container',
      {
        containers: [container({ requests: { cpu: '100m', memory: '1Gi' } })],
        initContainers: [container({ requests: { cpu: '2' } })],
      },
      'cpu=2,memory=1Gi',
    ],
    [
      'sidecars with what starts after them',
      {
        containers: [container({ requests: { cpu: '1' } })],
        initContainers: [
          container({ requests: { cpu: '500m' } }, { restartPolicy: 'Always' }),
          container({ requests: { cpu: '2' } }),
        ],
      },
      'cpu=2500m',
    ],
    [
      'pod-level requests and overhead',
      {
        containers: [container({ requests: { cpu: '1', 'example.com/gpu': '1' } })],
        resources: { requests: { cpu: '3' } },
        overhead: { cpu: '50m' },
      },
      'cpu=3050m,example.com/gpu=1',
    ],
  ]
  for (const [what, spec, expected] of rows) {
    it(`is ${what}`, () => assert.equal(describeResources(podRequestTotals(pod(spec))), expected))
  }

  it('counts a resize under way with the larger amount', () => {
    const spec = { containers: [container({ requests: { cpu: '1' } })] }
    const status = { name: 'c', image: 'x', imageID: '', ready: true, restartCount: 0 }
    const resized = pod(spec, {
      status: { containerStatuses: [{ ...status, resources: { requests: { cpu: '2' } } }] },
    })
    assert.equal(describeResources(podRequestTotals(resized)), 'cpu=2')
  })

  it('counts an init container that is to end with what it asks for', () => {
    const spec = {
      containers: [container({ requests: { cpu: '1' } }, { name: 'main' })],
      initContainers: [container({ requests: { cpu: '2' } })],
    }
    const status = { name: 'c', image: 'x', imageID: '', ready: true, restartCount: 0 }
    const resized = pod(spec, {
      status: { initContainerStatuses: [{ ...status, resources: { requests: { cpu: '4' } } }] },
    })
    assert.equal(describeResources(podRequestTotals(resized)), 'cpu=2')
  })

  it('has limits of its own', () => {
    const spec = { containers: [container({ limits: { cpu: '1' } })], overhead: { cpu: '1', memory: '1Gi' } }
    assert.equal(describeResources(podLimitTotals(pod(spec))), 'cpu=2')
  })
})

describe('quotaEvaluatorOf', () => {
  const now = Date.UTC(2026, 0, 1)
  const usage = (resource: { group: string; resource: string }, object: KubernetesObject) =>
    describeResources(quotaEvaluatorOf(resource)!.usage(object, now))
  const spec = {
    containers: [
      container({
        requests: { cpu: '1', 'hugepages-2Mi': '2Mi', 'example.com/gpu': '1', 'ephemeral-storage': '1Gi' },
        limits: { cpu: '2' },
      }),
    ],
  }

  it('counts a pod', () => {
    assert.equal(
      usage(pods, pod(spec)),
      'count/pods=1,cpu=1,ephemeral-storage=1Gi,hugepages-2Mi=2Mi,limits.cpu=2,pods=1,requests.cpu=1,' +
        'requests.ephemeral-storage=1Gi,requests.example.com/gpu=1,requests.hugepages-2Mi=2Mi',
    )
  })

  it('counts a pod that has ended as an object only', () => {
    assert.equal(usage(pods, pod(spec, { status: { phase: 'Succeeded' } })), 'count/pods=1')
    const gone = { name: 'p', deletionTimestamp: '2025-12-31T23:59:00Z', deletionGracePeriodSeconds: 30 }
    assert.equal(usage(pods, pod(spec, { metadata: gone })), 'count/pods=1')
  })

  it('counts everything else by one, events not at all', () => {
    assert.equal(usage(deployments, {}), 'count/deployments.apps=1')
    assert.equal(usage({ group: 'example.com', resource: 'things' }, {}), 'count/things.example.com=1')
    assert.equal(quotaEvaluatorOf(events), undefined)
  })

  it('counts devices', () => {
    const claim = {
      spec: {
        devices: {
          requests: [
            { name: 'a', exactly: { deviceClassName: 'gpu', count: 2 } },
            {
              name: 'b',
              firstAvailable: [
                { name: 'x', deviceClassName: 'gpu', count: 3 },
                { name: 'y', deviceClassName: 'fpga', allocationMode: 'All' },
              ],
            },
          ],
        },
      },
    }
    assert.equal(
      usage(resourceClaims, claim as KubernetesObject),
      'count/resourceclaims.resource.k8s.io=1,fpga.deviceclass.resource.k8s.io/devices=32,gpu.deviceclass.resource.k8s.io/devices=5',
    )
  })
})

describe('resource lists', () => {
  it('subtract to zero at least, and compare what both name', () => {
    assert.equal(
      describeResources(subtractResources({ cpu: '1' }, { cpu: '2', memory: '1' })),
      'cpu=0,memory=0',
    )
    assert.deepEqual(exceedingResources({ cpu: '1001m', memory: '5' }, { cpu: '1' }), ['cpu'])
  })
})
