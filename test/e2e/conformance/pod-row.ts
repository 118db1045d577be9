import type { Container, Pod, PodSpec } from '../../../src/api/generated/core.v1.ts'
import { testImage } from '../harness/test-cluster.ts'

/** A pod that runs to its end, what it needs, and what is to come of it. */
export interface PodRow {
  readonly title: string
  /** Created before the pod; its namespace is added. */
  readonly objects?: readonly object[]
  readonly container?: Partial<Container>
  readonly spec?: Partial<PodSpec>
  readonly metadata?: Pod['metadata']
  /** What the main container runs. Absent: what `container` or its image says. */
  readonly script?: string
  /** Default `Succeeded`. */
  readonly phase?: 'Succeeded' | 'Failed'
  /** All that it prints: the text itself, or a pattern in it; by a function where it is told by the pod. */
  readonly prints?: string | RegExp | ((pod: Pod) => string)
  readonly check?: (pod: Pod) => void
}

export function podOf(row: PodRow, namespace: string): Pod {
  const container: Container = {
    name: 'main',
    image: testImage,
    ...(row.script !== undefined && { command: ['sh', '-c', row.script] }),
    ...row.container,
  }
  return {
    metadata: { ...row.metadata, namespace, name: 'pod' },
    spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 1, containers: [container], ...row.spec },
  }
}
