import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { HorizontalPodAutoscaler, MetricSpec } from '../../api/generated/autoscaling.v2.ts'
import {
  deployments,
  horizontalPodAutoscalers,
  podMetrics,
  pods,
  replicaSets,
} from '../../api/generated/resources.ts'
import type { TestContext } from '../../client/testing/test-context.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { aPod } from '../testing/a-pod.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { horizontalPodAutoscalerReconciler } from './horizontal-pod-autoscaler.ts'

const labels = { app: 'web' }
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
const customPath = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default'
const externalPath = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default'

function anAutoscaler(spec: Partial<HorizontalPodAutoscaler['spec']>, name = 'web'): HorizontalPodAutoscaler {
  return {
    metadata: { namespace: 'default', name, uid: name },
    spec: { scaleTargetRef, maxReplicas: 10, ...spec },
  }
}

function seedDeployment(
  { client }: TestContext,
  replicas: number,
  selector: object = { matchLabels: labels },
) {
  const template = { metadata: { labels }, spec: { containers: [] } }
  client.seed(deployments, {
    metadata: { namespace: 'default', name: 'web', uid: 'd' },
    spec: { replicas, selector, template },
    status: { replicas },
  })
}

/** Ready pods that request one core; their millicores, of which undefined is no metric. */
function seedPods({ client }: TestContext, usages: readonly (number | undefined)[]) {
  for (const [index, usage] of usages.entries()) {
    const name = `web-${index}`
    const containers = [{ name: 'app', image: 'app', resources: { requests: { cpu: '1' } } }]
    const status = { phase: 'Running' as const, startTime: '2025-12-31T00:00:00Z' }
    const readyAt = '2025-12-31T00:00:10Z'
    client.seed(pods, aPod(name, { metadata: { labels }, spec: { containers }, status, readyAt }))
    if (usage === undefined) continue
    client.seed(podMetrics, {
      metadata: { namespace: 'default', name, labels },
      timestamp: '2026-01-01T00:00:00Z',
      window: '30s',
      containers: [{ name: 'app', usage: { cpu: `${usage}m` } }],
    })
  }
}

const cpu = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
})
const queueLength = (target: object): MetricSpec => ({
  type: 'External',
  external: { metric: { name: 'queue' }, target: { type: 'Value', ...target } },
})
const hits: MetricSpec = {
  type: 'Object',
  object: {
    metric: { name: 'hits' },
    describedObject: { kind: 'Namespace', name: 'default' },
    target: { type: 'Value', value: '10' },
  },
}

void describe('horizontalPodAutoscalerReconciler', () => {
  let harness: ReconcilerHarness
  let measured: () => string
  afterEach(() => harness.stop())

  const status = async (name = 'web') =>
    (await harness.one(horizontalPodAutoscalers, `default/${name}`)).status!
  const conditions = async (name = 'web') =>
    (await status(name)).conditions!.map(({ type, status, reason }) => `${type}=${status} ${reason}`)
  const replicas = async () => (await harness.one(deployments, 'default/web')).spec!.replicas

  async function start(
    autoscaler: HorizontalPodAutoscaler,
    seed: (context: TestContext) => void = () => {},
  ): Promise<void> {
    const metrics = createMetrics()
    measured = metrics.text
    harness = await runReconcilers([horizontalPodAutoscalerReconciler({ metrics })], (context) => {
      context.client.served.set(
        '/apis/custom.metrics.k8s.io',
        JSON.stringify({ versions: [{ version: 'v1beta2' }] }),
      )
      seed(context)
      context.client.seed(horizontalPodAutoscalers, autoscaler)
    })
  }

  void it('says that it finds no scale, and looks again every 15 s only', async () => {
    await start(anAutoscaler({ maxReplicas: 3 }))
    const [condition] = (await status()).conditions!
    assert.deepEqual(
      [condition?.type, condition?.status, condition?.reason],
      ['AbleToScale', 'False', 'FailedGetScale'],
    )
    assert.match(condition!.message!, /^the HPA controller was unable to get the target's current scale: /)
    assert.ok((await harness.events()).some((event) => event.startsWith('FailedGetScale: ')))
    const asked = () => harness.client.calls.length
    const before = asked()
    await harness.pass(14_000)
    assert.equal(asked(), before)
    await harness.pass(1_500)
    assert.ok(asked() > before)
  })

  void it('scales up to what the metric asks for, and says why', async () => {
    await start(anAutoscaler({ metrics: [cpu(30)] }), (context) => {
      seedDeployment(context, 3)
      seedPods(context, [300, 500, 700])
    })
    assert.equal(await replicas(), 5)
    const { currentReplicas, desiredReplicas, lastScaleTime, currentMetrics } = await status()
    assert.deepEqual([currentReplicas, desiredReplicas], [3, 5])
    assert.ok(lastScaleTime)
    assert.deepEqual(currentMetrics, [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '500m' } },
      },
    ])
    assert.deepEqual(await conditions(), [
      'AbleToScale=True SucceededRescale',
      'ScalingActive=True ValidMetricFound',
      'ScalingLimited=False DesiredWithinRange',
    ])
    assert.deepEqual(await harness.events(), [
      'SuccessfulRescale: New size: 5; reason: cpu resource utilization (percentage of request) above target',
    ])
  })

  const outside: readonly (readonly [string, number, object, number, string])[] = [
    ['more than the maximum', 12, {}, 10, 'Current number of replicas above Spec.MaxReplicas'],
    ['less than the minimum', 1, { minReplicas: 2 }, 2, 'Current number of replicas below Spec.MinReplicas'],
  ]
  for (const [what, current, spec, wanted, reason] of outside) {
    void it(`needs no metric to see that there are ${what}`, async () => {
      await start(anAutoscaler({ ...spec, metrics: [cpu(50)] }), (context) =>
        seedDeployment(context, current),
      )
      assert.equal(await replicas(), wanted)
      assert.deepEqual(
        [(await harness.events())[0], (await conditions())[0]],
        [`SuccessfulRescale: New size: ${wanted}; reason: ${reason}`, 'AbleToScale=True SucceededRescale'],
      )
    })
  }

  void it('leaves alone what was scaled to nothing by others', async () => {
    await start(anAutoscaler({ metrics: [cpu(50)] }), (context) => seedDeployment(context, 0))
    assert.equal(await replicas(), 0)
    assert.deepEqual(await conditions(), [
      'AbleToScale=True SucceededGetScale',
      'ScalingActive=False ScalingDisabled',
    ])
    assert.equal((await status()).currentMetrics, undefined)
  })

  void it('scales from nothing and to nothing where the least is nothing', async () => {
    const served = (value: string) => JSON.stringify({ items: [{ value }] })
    await start(anAutoscaler({ minReplicas: 0, metrics: [queueLength({ value: '2' })] }), (context) => {
      seedDeployment(context, 0)
      context.client.served.set(`${externalPath}/queue`, served('5'))
    })
    assert.equal(await replicas(), 3)
    assert.match((await harness.events())[0]!, /reason: external metric queue\(nil\) above target$/)
  })

  void it('keeps the place of a metric that fails, and does not scale down without it', async () => {
    await start(anAutoscaler({ metrics: [hits, cpu(50)] }), (context) => {
      seedDeployment(context, 3)
      seedPods(context, [10, 10, 10])
    })
    assert.equal(await replicas(), 3)
    const { currentMetrics, currentReplicas } = await status()
    assert.deepEqual(
      currentMetrics!.map(({ type }) => type),
      ['', 'Resource'],
    )
    assert.equal(currentReplicas, 3)
    assert.deepEqual((await conditions())[1], 'ScalingActive=False FailedGetObjectMetric')
    const [first, second] = await harness.events()
    const fault =
      'unable to get metric hits: Namespace on default default/unable to fetch metrics from custom'
    assert.ok(first!.startsWith(`FailedGetObjectMetric: ${fault} metrics API: `))
    assert.ok(
      second!.startsWith(
        `FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 2), first error is: ` +
          `failed to get object metric value: ${fault} metrics API: `,
      ),
    )
  })

  void it('scales up although another metric fails', async () => {
    await start(anAutoscaler({ metrics: [hits, cpu(50)] }), (context) => {
      seedDeployment(context, 2)
      seedPods(context, [1000, 1000])
    })
    assert.equal(await replicas(), 4)
    assert.deepEqual((await conditions())[1], 'ScalingActive=True ValidMetricFound')
    assert.ok(!(await harness.events()).some((event) => event.startsWith('FailedComputeMetricsReplicas')))
    const prefix = 'horizontal_pod_autoscaler_controller'
    for (const series of [
      'reconciliations_total{action="scale_up",error="internal"} 1',
      'metric_computation_total{action="scale_up",error="none",metric_type="Resource"} 1',
      'metric_computation_total{action="none",error="internal",metric_type="Object"} 1',
      'desired_replicas{namespace="default",hpa_name="web"} 4',
      'num_horizontal_pod_autoscalers 1',
    ])
      assert.ok(measured().includes(`\n${prefix}_${series}\n`), series)
    await harness.client.delete(horizontalPodAutoscalers, { namespace: 'default', name: 'web' })
    await harness.settle()
    assert.ok(measured().includes(`\n${prefix}_num_horizontal_pod_autoscalers 0\n`))
    assert.ok(!measured().includes('hpa_name="web"'))
  })

  void it('follows the metric that asks for most', async () => {
    await start(anAutoscaler({ metrics: [cpu(50), hits] }), (context) => {
      seedDeployment(context, 2)
      seedPods(context, [600, 600])
      context.client.served.set(`${customPath}/metrics/hits`, JSON.stringify({ items: [{ value: '20' }] }))
    })
    assert.equal(await replicas(), 4)
    assert.deepEqual(await harness.events(), [
      'SuccessfulRescale: New size: 4; reason: Namespace metric hits above target',
    ])
  })

  void it('waits five minutes before it scales down', async () => {
    await start(anAutoscaler({ metrics: [cpu(50)] }), (context) => {
      seedDeployment(context, 4)
      seedPods(context, [100, 100, 100, 100])
    })
    assert.equal(await replicas(), 4)
    assert.deepEqual((await conditions())[0], 'AbleToScale=True ScaleDownStabilized')
    for (let passed = 0; passed < 300_000; passed += 15_000) await harness.pass(15_000)
    await harness.pass(15_000)
    assert.equal(await replicas(), 1)
    assert.deepEqual(
      (await harness.events()).at(-1),
      'SuccessfulRescale: New size: 1; reason: All metrics below target',
    )
  })

  const unselected: readonly (readonly [string, string, RegExp])[] = [
    [
      'lacks a selector',
      'SelectorRequired: selector is required',
      /^the HPA target's scale is missing a selector$/,
    ],
  ]
  for (const [what, event, message] of unselected) {
    void it(`says that the scale ${what}`, async () => {
      await start(anAutoscaler({ metrics: [cpu(50)] }), (context) => {
        const template = { metadata: { labels }, spec: { containers: [] } }
        context.client.seed(deployments, {
          metadata: { namespace: 'default', name: 'web', uid: 'd' },
          spec: { replicas: 1, selector: undefined, template } as never,
        })
      })
      assert.equal((await harness.events())[0], event)
      const [, active] = (await status()).conditions!
      assert.deepEqual([active!.status, active!.reason], ['False', 'InvalidSelector'])
      assert.match(active!.message!, message)
    })
  }

  void it('refuses to share pods with another', async () => {
    const other = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs' }
    await start(anAutoscaler({ metrics: [cpu(50)] }), (context) => {
      seedDeployment(context, 1)
      seedPods(context, [500])
      context.client.seed(replicaSets, {
        metadata: { namespace: 'default', name: 'rs', uid: 'r' },
        spec: { replicas: 1, selector: { matchLabels: labels } },
      })
      context.client.seed(
        horizontalPodAutoscalers,
        anAutoscaler({ scaleTargetRef: other, metrics: [cpu(50)] }, 'another'),
      )
    })
    await harness.pass(15_000)
    const [, active] = (await status()).conditions!
    assert.deepEqual([active!.status, active!.reason], ['False', 'AmbiguousSelector'])
    assert.equal(
      active!.message,
      'pods by selector app=web are controlled by multiple HPAs: [default/another default/web]',
    )
  })

  void it('says that it may not scale, and does not blame the metrics', async () => {
    await start(anAutoscaler({ metrics: [cpu(50)] }), (context) => {
      seedDeployment(context, 12)
      context.client.onWrite = ({ subresource }) => {
        if (subresource === 'scale') throw forbidden('deployments', 'web', 'no')
      }
    })
    const events = await harness.events()
    assert.match(
      events[0]!,
      /^FailedRescale: New size: 10; reason: Current number of replicas above Spec.MaxReplicas; error: /,
    )
    assert.equal(events.length, 1)
    assert.deepEqual(await conditions(), ['AbleToScale=False FailedUpdateScale'])
  })
})
