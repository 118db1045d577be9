import type { PodSpec } from '../../src/api/generated/core.v1.ts'

export const zone = 'topology.kubernetes.io/zone'
export const hostname = 'kubernetes.io/hostname'
export const labels = { color: 'green' }
const labelSelector = { matchLabels: labels }

/** One of upstream's scheduler_perf. */
export interface Row {
  readonly name: string
  /** Pods created and bound while the time runs. */
  readonly count: number
  readonly spec?: Partial<PodSpec>
  readonly cpu?: string
  /** Pods of lower priority that fill every node beforehand. */
  readonly filledBy?: { readonly perNode: number; readonly cpu: string }
  readonly least: number
}

const spread = (whenUnsatisfiable: 'DoNotSchedule' | 'ScheduleAnyway'): Partial<PodSpec> => ({
  topologySpreadConstraints: [{ maxSkew: 5, topologyKey: zone, whenUnsatisfiable, labelSelector }],
})

/** The shapes of upstream's scheduler_perf. */
export const rows: readonly Row[] = [
  { name: 'plain pods', count: 5000, least: 2000 },
  { name: 'required topology spreading', count: 2000, spec: spread('DoNotSchedule'), least: 1000 },
  { name: 'preferred topology spreading', count: 2000, spec: spread('ScheduleAnyway'), least: 1000 },
  {
    name: 'node affinity',
    count: 2000,
    least: 1000,
    spec: {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: zone, operator: 'In', values: ['zone-0', 'zone-1'] }] },
            ],
          },
        },
      },
    },
  },
  {
    name: 'pod anti-affinity',
    count: 2000,
    least: 1000,
    spec: {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: hostname, labelSelector }],
        },
      },
    },
  },
  {
    name: 'pod affinity',
    count: 2000,
    least: 1000,
    spec: {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: zone, labelSelector }],
        },
      },
    },
  },
  {
    name: 'preemption',
    count: 1000,
    cpu: '3',
    filledBy: { perNode: 4, cpu: '900m' },
    spec: { priorityClassName: 'high' },
    least: 1000,
  },
]
