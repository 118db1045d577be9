import type { Node, Pod, PodSpec } from '../../api/generated/core.v1.ts'
import type { Random } from '../../machinery/random.ts'
import { aNode, aPod } from './builders.ts'

/* Nodes and pods of few labels and small nodes, so that constraints often hold each other up. */

const zone = 'zone'
const hostname = 'kubernetes.io/hostname'

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random.next() * values.length)]!
}

export function aRandomNode(random: Random, index: number): Node {
  const chance = random.next()
  return aNode(`node-${index}`, {
    cpu: pick(random, ['1', '2', '4']),
    pods: pick(random, ['2', '5', '110']),
    labels: {
      ...(chance < 0.85 && { [zone]: pick(random, ['z1', 'z2', 'z3']) }),
      disk: pick(random, ['ssd', 'hdd']),
    },
    ...(random.next() < 0.3 && {
      taints: [
        { key: 'dedicated', value: 'db', effect: pick(random, ['NoSchedule', 'PreferNoSchedule'] as const) },
      ],
    }),
    ...(random.next() < 0.1 && { unschedulable: true }),
  })
}

export function aRandomPod(random: Random, name: string, priority = 0): Pod {
  const selector = () => ({ matchLabels: { app: pick(random, ['a', 'b', 'c']) } })
  const key = () => pick(random, [zone, hostname])
  const term = () => ({
    topologyKey: key(),
    labelSelector: selector(),
    ...(random.next() < 0.3 && { namespaces: ['one', 'two'] }),
  })
  const some = <T>(chance: number, make: () => T): T[] =>
    random.next() < chance ? (random.next() < 0.2 ? [make(), make()] : [make()]) : []
  const preferred = () => ({ weight: pick(random, [1, 50, 100]), podAffinityTerm: term() })
  const liked = some(0.25, preferred)
  const disliked = some(0.25, preferred)
  const affinity = some(0.25, term)
  const antiAffinity = some(0.25, term)
  const spreading = some(0.35, () => ({
    maxSkew: pick(random, [1, 2]),
    topologyKey: key(),
    whenUnsatisfiable: pick(random, ['DoNotSchedule', 'ScheduleAnyway'] as const),
    labelSelector: selector(),
    ...(random.next() < 0.3 && { minDomains: pick(random, [2, 5]) }),
    ...(random.next() < 0.3 && { nodeTaintsPolicy: 'Honor' as const }),
    ...(random.next() < 0.3 && { nodeAffinityPolicy: 'Ignore' as const }),
  }))
  const spec: Partial<PodSpec> = {
    ...(random.next() < 0.2 && { nodeSelector: { disk: pick(random, ['ssd', 'hdd']) } }),
    ...(random.next() < 0.3 && { tolerations: [{ key: 'dedicated', operator: 'Exists' as const }] }),
    ...(spreading.length > 0 && { topologySpreadConstraints: spreading }),
    affinity: {
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: some(0.25, () => ({
          weight: pick(random, [1, 100]),
          preference: {
            matchExpressions: [
              { key: 'disk', operator: 'In' as const, values: [pick(random, ['ssd', 'hdd'])] },
            ],
          },
        })),
      },
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: affinity,
        preferredDuringSchedulingIgnoredDuringExecution: liked,
      },
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: antiAffinity,
        preferredDuringSchedulingIgnoredDuringExecution: disliked,
      },
    },
  }
  return aPod(name, {
    namespace: pick(random, ['one', 'two']),
    labels: { app: pick(random, ['a', 'b', 'c']) },
    cpu: pick(random, ['0', '250m', '500m', '1']),
    memory: pick(random, ['0', '64Mi', '1Gi']),
    priority,
    ...(random.next() < 0.15 && { hostPort: pick(random, [80, 443]) }),
    spec,
  })
}
