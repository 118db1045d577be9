import { goJson } from '../../machinery/go-json.ts'
import type { ObjectMeta } from '../../machinery/meta.ts'
import type { Conversion } from '../definition.ts'
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from '../generated/autoscaling.v1.ts'
import type {
  HPAScalingPolicy,
  HPAScalingRules,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerSpec,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
} from '../generated/autoscaling.v2.ts'
import { horizontalPodAutoscalersV1 } from '../generated/resources.ts'
import { specFromV1, specToV1, statusFromV1, statusToV1 } from './metrics-v1.ts'

/**
 * autoscaling/v1 knows one metric, the use of CPU; all else that v2 says stands in annotations of the v1 form, so that a
 * v1 client that writes back what it read changes nothing. Source: kubernetes/pkg/apis/autoscaling/v1/conversion.go.
 */
export const servedAsV1: Conversion<HorizontalPodAutoscaler, HorizontalPodAutoscalerV1> = {
  resource: horizontalPodAutoscalersV1,
  fromStored: toV1,
  toStored: fromV1,
}

const prefix = 'autoscaling.alpha.kubernetes.io/'
const metricsAnnotation = `${prefix}metrics`
const currentMetricsAnnotation = `${prefix}current-metrics`
const conditionsAnnotation = `${prefix}conditions`
const behaviorAnnotation = `${prefix}behavior`
const ownAnnotations = [metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation]

function toV1({ metadata, spec, status }: HorizontalPodAutoscaler): HorizontalPodAutoscalerV1 {
  const others = (spec.metrics ?? []).filter((metric) => cpuUtilization(metric) === undefined)
  const annotations = {
    ...withoutOwn(metadata?.annotations),
    ...(others.length > 0 && { [metricsAnnotation]: goJson(others.map(specToV1)) }),
    ...(status?.currentMetrics?.length && {
      [currentMetricsAnnotation]: goJson(status.currentMetrics.map(statusToV1)),
    }),
    ...(status?.conditions?.length && { [conditionsAnnotation]: goJson(status.conditions) }),
    ...(spec.behavior && { [behaviorAnnotation]: goJson(behaviorToText(spec.behavior)) }),
  }
  const target = spec.metrics?.map(cpuUtilization).find((percent) => percent !== undefined)
  const current = status?.currentMetrics?.find(({ type, resource }) => {
    return type === 'Resource' && resource?.name === 'cpu'
  })?.resource?.current.averageUtilization
  return {
    metadata: annotated(metadata, annotations),
    spec: {
      scaleTargetRef: spec.scaleTargetRef,
      ...(spec.minReplicas !== undefined && { minReplicas: spec.minReplicas }),
      maxReplicas: spec.maxReplicas,
      ...(target !== undefined && { targetCPUUtilizationPercentage: target }),
    },
    status: {
      ...(status?.observedGeneration !== undefined && { observedGeneration: status.observedGeneration }),
      ...(status?.lastScaleTime && { lastScaleTime: status.lastScaleTime }),
      currentReplicas: status?.currentReplicas ?? 0,
      desiredReplicas: status?.desiredReplicas ?? 0,
      ...(current !== undefined && { currentCPUUtilizationPercentage: current }),
    },
  }
}

function fromV1({ metadata, spec, status }: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler {
  const { annotations } = metadata ?? {}
  const percent = spec?.targetCPUUtilizationPercentage
  const cpu: MetricSpec[] =
    percent === undefined
      ? []
      : [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
          },
        ]
  const others = listIn(annotations?.[metricsAnnotation], specFromV1)
  const metrics = [...cpu, ...(others ?? [])]
  const behavior = behaviorFromText(annotations?.[behaviorAnnotation])
  const { maxReplicas, minReplicas, scaleTargetRef } = spec ?? {}
  const v2Spec: HorizontalPodAutoscalerSpec = {
    scaleTargetRef: scaleTargetRef ?? { kind: '', name: '' },
    ...(minReplicas !== undefined && { minReplicas }),
    maxReplicas: maxReplicas ?? 0,
    ...(metrics.length > 0 && { metrics }),
    ...(behavior && { behavior }),
  }
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v2',
    metadata: annotated(metadata, withoutOwn(annotations)),
    spec: v2Spec,
    ...(status && { status: statusFrom(status, annotations) }),
  }
}

function statusFrom(
  status: NonNullable<HorizontalPodAutoscalerV1['status']>,
  annotations: Readonly<Record<string, string>> | undefined,
): HorizontalPodAutoscalerStatus {
  const { currentCPUUtilizationPercentage: percent, currentReplicas } = status
  const saved = listIn(annotations?.[currentMetricsAnnotation], statusFromV1)
  const cpu = { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: percent ?? 0 } } }
  const currentMetrics = saved ?? (percent === undefined ? undefined : [cpu])
  const conditions = listIn(annotations?.[conditionsAnnotation], asCondition)
  return {
    ...(status.observedGeneration !== undefined && { observedGeneration: status.observedGeneration }),
    ...(status.lastScaleTime && { lastScaleTime: status.lastScaleTime }),
    ...(currentReplicas && { currentReplicas }),
    desiredReplicas: status.desiredReplicas ?? 0,
    ...(currentMetrics && { currentMetrics }),
    ...(conditions && { conditions }),
  }
}

function cpuUtilization({ type, resource }: MetricSpec): number | undefined {
  return type === 'Resource' && resource?.name === 'cpu' ? resource.target.averageUtilization : undefined
}

function asCondition(condition: HorizontalPodAutoscalerCondition): HorizontalPodAutoscalerCondition {
  return condition
}

type Annotations = Readonly<Record<string, string>>

function withoutOwn(annotations: Annotations = {}): Annotations {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !ownAnnotations.includes(key)))
}

function annotated(metadata: ObjectMeta | undefined, annotations: Annotations): ObjectMeta {
  const { annotations: _before, ...rest } = metadata ?? {}
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest
}

/** The list that an annotation holds; one that holds none says nothing, whoever wrote it. */
function listIn<T>(text: string | undefined, as: (item: never) => T): readonly T[] | undefined {
  const value = parsed(text)
  return Array.isArray(value) && value.every(isRecord) ? value.map((item) => as(item as never)) : undefined
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Upstream writes this annotation with the names of its Go fields. */
function behaviorToText({ scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior) {
  return { ScaleUp: rulesToText(scaleUp), ScaleDown: rulesToText(scaleDown) }
}

function rulesToText(rules: HPAScalingRules | undefined) {
  if (!rules) return null
  return {
    StabilizationWindowSeconds: rules.stabilizationWindowSeconds ?? null,
    SelectPolicy: rules.selectPolicy ?? null,
    Policies:
      rules.policies?.map(({ type, value, periodSeconds }) => {
        return { Type: type, Value: value, PeriodSeconds: periodSeconds }
      }) ?? null,
    Tolerance: rules.tolerance ?? null,
  }
}

function behaviorFromText(text: string | undefined): HorizontalPodAutoscalerBehavior | undefined {
  const value = parsed(text)
  if (!isRecord(value)) return undefined
  const [scaleUp, scaleDown] = [
    rulesFromText(member(value, 'scaleUp')),
    rulesFromText(member(value, 'scaleDown')),
  ]
  return { ...(scaleUp && { scaleUp }), ...(scaleDown && { scaleDown }) }
}

function rulesFromText(value: unknown): HPAScalingRules | undefined {
  if (!isRecord(value)) return undefined
  const window = member(value, 'stabilizationWindowSeconds')
  const selectPolicy = member(value, 'selectPolicy')
  const policies = member(value, 'policies')
  const tolerance = member(value, 'tolerance')
  return {
    ...(typeof window === 'number' && { stabilizationWindowSeconds: window }),
    ...(typeof selectPolicy === 'string' && { selectPolicy }),
    ...(Array.isArray(policies) && { policies: policies.filter(isRecord).map(policyFromText) }),
    ...(typeof tolerance === 'string' && { tolerance }),
  }
}

function policyFromText(value: Readonly<Record<string, unknown>>): HPAScalingPolicy {
  return {
    type: String(member(value, 'type') ?? ''),
    value: Number(member(value, 'value') ?? 0),
    periodSeconds: Number(member(value, 'periodSeconds') ?? 0),
  }
}

/** Go reads the names of fields whatever their case. */
function member(value: Readonly<Record<string, unknown>>, name: string): unknown {
  const key = Object.keys(value).find((candidate) => candidate.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : value[key]
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
