import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, path } from '../../machinery/field-error.ts'
import type { HorizontalPodAutoscaler } from '../generated/autoscaling.v2.ts'
import { servedAsV1 } from './conversion-v1.ts'
import { horizontalPodAutoscalerDefinition } from './horizontal-pod-autoscaler.ts'
import { targetsText } from './metric-texts.ts'
import { validateAutoscalerSpec } from './validation.ts'

const full: HorizontalPodAutoscaler = {
  kind: 'HorizontalPodAutoscaler',
  apiVersion: 'autoscaling/v2',
  metadata: { name: 'a', namespace: 'default', annotations: { own: 'kept' } },
  spec: {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 2,
    maxReplicas: 9,
    metrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } },
      },
      {
        type: 'Resource',
        resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
      },
      {
        type: 'Pods',
        pods: { metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '10' } },
      },
      {
        type: 'Object',
        object: {
          describedObject: { kind: 'Ingress', name: 'i', apiVersion: 'networking.k8s.io/v1' },
          target: { type: 'AverageValue', averageValue: '5' },
          metric: { name: 'rate', selector: { matchLabels: { a: 'b' } } },
        },
      },
      { type: 'External', external: { metric: { name: 'queue' }, target: { type: 'Value', value: '30' } } },
      {
        type: 'ContainerResource',
        containerResource: {
          name: 'cpu',
          target: { type: 'Utilization', averageUtilization: 50 },
          container: 'c',
        },
      },
    ],
    behavior: {
      scaleUp: {
        stabilizationWindowSeconds: 0,
        selectPolicy: 'Max',
        policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }],
        tolerance: '100m',
      },
      scaleDown: { selectPolicy: 'Min', policies: [{ type: 'Percent', value: 10, periodSeconds: 60 }] },
    },
  },
  status: {
    currentReplicas: 3,
    desiredReplicas: 4,
    currentMetrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageValue: '120m', averageUtilization: 40 } },
      },
    ],
    conditions: [{ type: 'AbleToScale', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
  },
}

test('autoscaling/v1 has what it cannot say in annotations, as Go writes JSON', () => {
  const condition = { type: 'AbleToScale', status: 'True', message: '<unknown> & more' } as const
  const { metadata } = servedAsV1.fromStored({
    ...full,
    status: { ...full.status!, conditions: [condition] },
  })
  assert.equal(
    metadata?.annotations?.['autoscaling.alpha.kubernetes.io/conditions'],
    String.raw`[{"type":"AbleToScale","status":"True","message":"\u003cunknown\u003e \u0026 more"}]`,
  )
})

test('autoscaling/v1 gives back all that v2 says', () => {
  const shown = servedAsV1.fromStored(full)
  assert.equal(shown.spec.targetCPUUtilizationPercentage, 60)
  assert.equal(shown.status?.currentCPUUtilizationPercentage, 40)
  const annotations = shown.metadata?.annotations ?? {}
  assert.equal(
    annotations['autoscaling.alpha.kubernetes.io/behavior'],
    '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,' +
      '"PeriodSeconds":15}],"Tolerance":"100m"},"ScaleDown":{"StabilizationWindowSeconds":null,' +
      '"SelectPolicy":"Min","Policies":[{"Type":"Percent","Value":10,"PeriodSeconds":60}],"Tolerance":null}}',
  )
  assert.deepEqual(servedAsV1.toStored(shown), full)
})

test('annotations that hold nonsense say nothing', () => {
  const stored = servedAsV1.toStored({
    metadata: { name: 'a', annotations: { 'autoscaling.alpha.kubernetes.io/metrics': '{' } },
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' }, maxReplicas: 3 },
  })
  assert.deepEqual(stored.spec, {
    scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' },
    maxReplicas: 3,
  })
  assert.equal(stored.metadata?.annotations, undefined)
})

test('an autoscaler that names no metric goes by CPU', () => {
  const object = {
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' }, maxReplicas: 3 },
  }
  const defaulted = structuredClone(object) as never
  horizontalPodAutoscalerDefinition.strategy.defaults?.(defaulted)
  assert.equal(targetsText(defaulted), 'cpu: <unknown>/80%')
  assert.deepEqual(validateAutoscalerSpec((defaulted as HorizontalPodAutoscaler).spec, path('spec')), [])
})

type Target = HorizontalPodAutoscaler['spec']['scaleTargetRef']

const rows: readonly (readonly [string, Partial<HorizontalPodAutoscaler['spec']>, ...string[]])[] = [
  ['all that is there', {}],
  [
    'too few replicas',
    { minReplicas: 5, maxReplicas: 2 },
    'spec.maxReplicas: Invalid value: 2: must be greater than or equal to `minReplicas`',
  ],
  [
    'a target without a group',
    { scaleTargetRef: { kind: 'Deployment', name: 'web' } },
    'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
  ],
  [
    'a target of the core group',
    { scaleTargetRef: { kind: 'Service', name: 'web', apiVersion: 'v1' } },
    'spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group',
  ],
  [
    'a replication controller',
    { scaleTargetRef: { kind: 'ReplicationController', name: 'web', apiVersion: 'v1' } },
  ],
  [
    'a replication controller without a version',
    { scaleTargetRef: { kind: 'ReplicationController', name: 'web' } },
  ],
  [
    'a source that is not there',
    { metrics: [{ type: 'Pods' }] },
    'spec.metrics[0].pods: Required value: must populate information for the given metric source',
  ],
  [
    'a policy without an end',
    { behavior: { scaleUp: { policies: [{ type: 'Pods', value: 0, periodSeconds: 2000 }] } } },
    'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
    'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 2000: must be less than or equal to 1800',
  ],
]
for (const [name, change, ...errors] of rows) {
  test(`validateAutoscalerSpec judges ${name}`, () => {
    const found = validateAutoscalerSpec({ ...full.spec, ...change }, path('spec'))
    assert.deepEqual(found.map(fieldErrorText), errors)
  })
}

const targets: readonly (readonly [string, Target, Target, ...string[]])[] = [
  [
    'a target that stays without a group',
    { kind: 'Deployment', name: 'web' },
    { kind: 'Deployment', name: 'other' },
  ],
  [
    'a target that loses its group',
    { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' },
    { kind: 'Deployment', name: 'web' },
    'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
  ],
  [
    'another target without a group',
    { kind: 'Deployment', name: 'web' },
    { kind: 'StatefulSet', name: 'web', apiVersion: 'v1' },
    'spec.scaleTargetRef.apiVersion: Invalid value: "v1": apiVersion must specify API group',
  ],
]
for (const [name, before, after, ...errors] of targets) {
  test(`validateAutoscalerSpec judges ${name}`, () => {
    const of = (scaleTargetRef: Target) => ({ ...full.spec, scaleTargetRef })
    const found = validateAutoscalerSpec(of(after), path('spec'), of(before))
    assert.deepEqual(found.map(fieldErrorText), errors)
  })
}
