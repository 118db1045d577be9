import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { HorizontalPodAutoscaler } from '../../api/generated/autoscaling.v2.ts'
import { horizontalPodAutoscalers } from '../../api/generated/resources.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { horizontalPodAutoscalerReconciler } from './horizontal-pod-autoscaler.ts'

void describe('horizontalPodAutoscalerReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(spec: Partial<HorizontalPodAutoscaler['spec']> = {}): Promise<void> {
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
    harness = await runReconcilers([horizontalPodAutoscalerReconciler()], ({ client }) =>
      client.seed(horizontalPodAutoscalers, {
        metadata: { namespace: 'default', name: 'web', uid: 'web' },
        spec: { scaleTargetRef, maxReplicas: 3, ...spec },
      }),
    )
  }

  void it('says that it finds no scale, and looks again every 15 s only', async () => {
    await start()
    const { status } = await harness.one(horizontalPodAutoscalers, 'default/web')
    const [condition] = status!.conditions!
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
})
