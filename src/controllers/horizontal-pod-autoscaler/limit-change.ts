import type {
  HPAScalingRules,
  HorizontalPodAutoscalerBehavior,
  HorizontalPodAutoscalerCondition,
} from '../../api/generated/autoscaling.v2.ts'

/** What was recommended and done lately. Times in milliseconds since the epoch. */
export interface ScaleHistory {
  readonly recommendations: readonly { readonly atMs: number; readonly replicas: number }[]
  /** Changes that were made, by direction; never negative. */
  readonly scaleUps: readonly ScaleChange[]
  readonly scaleDowns: readonly ScaleChange[]
}

interface ScaleChange {
  readonly atMs: number
  readonly replicas: number
}

export interface WantedChange {
  readonly behavior: HorizontalPodAutoscalerBehavior | undefined
  readonly minReplicas: number
  readonly maxReplicas: number
  readonly currentReplicas: number
  /** What the metrics ask for. */
  readonly wantedReplicas: number
  readonly history: ScaleHistory
  readonly nowMs: number
  /** Where the behaviour does not say how long to wait before scaling down. */
  readonly scaleDownStabilizationMs: number
}

type Verdict = Pick<HorizontalPodAutoscalerCondition, 'type' | 'status' | 'reason' | 'message'>

export interface LimitedChange {
  readonly replicas: number
  readonly recommendations: ScaleHistory['recommendations']
  /** AbleToScale and ScalingLimited. */
  readonly conditions: readonly Verdict[]
}

/**
 * What becomes of a wish under windows, policies and bounds. Source:
 * kubernetes/pkg/controller/podautoscaler/horizontal.go, normalizeDesiredReplicas.
 */
export function limitChange(wanted: WantedChange): LimitedChange {
  const { replicas: stable, recommendations, stabilized } = stabilize(wanted)
  const limited = wanted.behavior
    ? withinPolicies(wanted, stable, wanted.behavior)
    : withinBounds(wanted, stable)
  return {
    replicas: limited.replicas,
    recommendations,
    conditions: [
      stable === wanted.wantedReplicas
        ? able('ReadyForNewScale', 'recommended size matches current size')
        : stabilized,
      {
        type: 'ScalingLimited',
        status: limited.replicas === stable ? 'False' : 'True',
        reason: limited.reason,
        message: limited.message,
      },
    ],
  }
}

/** The history with a change that was made; what no policy asks about any more is forgotten. */
export function remember(
  history: ScaleHistory,
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  before: number,
  after: number,
  nowMs: number,
): ScaleHistory {
  if (!behavior) return history
  const longestMs = (rules: HPAScalingRules | undefined) =>
    Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds * 1000))
  const kept = (changes: readonly ScaleChange[], rules: HPAScalingRules | undefined) =>
    changes.filter(({ atMs }) => atMs >= nowMs - longestMs(rules))
  const change = { atMs: nowMs, replicas: Math.abs(after - before) }
  return after > before
    ? { ...history, scaleUps: [...kept(history.scaleUps, behavior.scaleUp), change] }
    : { ...history, scaleDowns: [...kept(history.scaleDowns, behavior.scaleDown), change] }
}

function able(reason: string, message: string): Verdict {
  return { type: 'AbleToScale', status: 'True', reason, message }
}

const downStabilized = able(
  'ScaleDownStabilized',
  'recent recommendations were higher than current one, applying the highest recent recommendation',
)
const upStabilized = able(
  'ScaleUpStabilized',
  'recent recommendations were lower than current one, applying the lowest recent recommendation',
)

/** Goes no further up than the least of the recent recommendations, and no further down than the greatest. */
function stabilize(wanted: WantedChange) {
  const { behavior, history, nowMs, currentReplicas, wantedReplicas, scaleDownStabilizationMs } = wanted
  const record = (windowMs: number) => [
    ...history.recommendations.filter(({ atMs }) => atMs >= nowMs - windowMs),
    { atMs: nowMs, replicas: wantedReplicas },
  ]
  if (!behavior) {
    const recommendations = record(scaleDownStabilizationMs)
    const replicas = Math.max(...recommendations.map(({ replicas }) => replicas))
    return { replicas, recommendations, stabilized: downStabilized }
  }
  const upMs = (behavior.scaleUp?.stabilizationWindowSeconds ?? 0) * 1000
  const downSeconds = behavior.scaleDown?.stabilizationWindowSeconds
  const downMs = downSeconds === undefined ? scaleDownStabilizationMs : downSeconds * 1000
  const recent = (windowMs: number) =>
    history.recommendations.filter(({ atMs }) => atMs > nowMs - windowMs).map(({ replicas }) => replicas)
  const least = Math.min(wantedReplicas, ...recent(upMs))
  const greatest = Math.max(wantedReplicas, ...recent(downMs))
  return {
    replicas: Math.min(Math.max(currentReplicas, least), greatest),
    recommendations: record(Math.max(upMs, downMs)),
    stabilized: wantedReplicas >= currentReplicas ? upStabilized : downStabilized,
  }
}

interface Limited {
  readonly replicas: number
  readonly reason: string
  readonly message: string
}

const tooMany = [
  'TooManyReplicas',
  'the desired replica count is more than the maximum replica count',
] as const
const tooFew = ['TooFewReplicas', 'the desired replica count is less than the minimum replica count'] as const
const tooFastUp = [
  'ScaleUpLimit',
  'the desired replica count is increasing faster than the maximum scale rate',
] as const
const tooFastDown = [
  'ScaleDownLimit',
  'the desired replica count is decreasing faster than the maximum scale rate',
] as const

function limited(replicas: number, [reason, message]: readonly [string, string]): Limited {
  return { replicas, reason, message }
}

function withinRange(replicas: number): Limited {
  return limited(replicas, ['DesiredWithinRange', 'the desired count is within the acceptable range'])
}

/** Without a behaviour: at most twice as many at once, or four. */
function withinBounds(
  { minReplicas, maxReplicas, currentReplicas }: WantedChange,
  replicas: number,
): Limited {
  const limit = Math.max(2 * currentReplicas, 4)
  if (replicas < minReplicas) return limited(minReplicas, tooFew)
  const most = Math.min(maxReplicas, limit)
  if (replicas > most) return limited(most, maxReplicas > limit ? tooFastUp : tooMany)
  return withinRange(replicas)
}

function withinPolicies(
  wanted: WantedChange,
  replicas: number,
  { scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior,
): Limited {
  const { minReplicas, maxReplicas, currentReplicas } = wanted
  if (replicas > currentReplicas) {
    const limit = Math.max(scaleUpLimit(wanted, scaleUp), currentReplicas)
    const most = Math.min(maxReplicas, limit)
    if (replicas > most) return limited(most, maxReplicas > limit ? tooFastUp : tooMany)
  } else if (replicas < currentReplicas) {
    const limit = Math.min(scaleDownLimit(wanted, scaleDown), currentReplicas)
    const least = Math.max(minReplicas, limit)
    if (replicas < least) return limited(least, minReplicas < limit ? tooFastDown : tooFew)
  }
  return withinRange(replicas)
}

/** As many as the policies allow, counted from how many there were when each one's period began. */
function scaleUpLimit(wanted: WantedChange, rules: HPAScalingRules | undefined): number {
  const { policies = [], selectPolicy } = rules ?? {}
  if (selectPolicy === 'Disabled') return wanted.currentReplicas
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const start = replicasAtStart(wanted, periodSeconds)
    return type === 'Pods' ? start + value : Math.ceil(start * (1 + value / 100))
  })
  return selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits)
}

function scaleDownLimit(wanted: WantedChange, rules: HPAScalingRules | undefined): number {
  const { policies = [], selectPolicy } = rules ?? {}
  if (selectPolicy === 'Disabled') return wanted.currentReplicas
  const limits = policies.map(({ type, value, periodSeconds }) => {
    const start = replicasAtStart(wanted, periodSeconds)
    return type === 'Pods' ? start - value : Math.trunc(start * (1 - value / 100))
  })
  return selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits)
}

function replicasAtStart({ currentReplicas, history, nowMs }: WantedChange, periodSeconds: number): number {
  const within = (changes: readonly ScaleChange[]) =>
    changes
      .filter(({ atMs }) => atMs > nowMs - periodSeconds * 1000)
      .reduce((sum, { replicas }) => sum + replicas, 0)
  return currentReplicas - within(history.scaleUps) + within(history.scaleDowns)
}
