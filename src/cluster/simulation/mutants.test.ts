import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Mutation, MutantTask } from './mutant-worker.ts'

/* What the scenarios watch for can fail: a program with a mistake in it is found out. */

const mutants: readonly (readonly [what: string, mutation: Mutation, fault: RegExp])[] = [
  [
    'takes away one available pod too many in a rollout',
    {
      file: '/deployment/plan-rollout.ts',
      from: 'const minAvailable = replicasOf(deployment) - maxUnavailable(deployment)',
      to: 'const minAvailable = replicasOf(deployment) - maxUnavailable(deployment) - 1',
    },
    /has \d+ available pods, and must have \d+/,
  ],
  [
    'makes one pod too many in a rollout',
    {
      file: '/deployment/plan-rollout.ts',
      from: 'const room = wanted + maxSurge(deployment) - present',
      to: 'const room = wanted + maxSurge(deployment) + 1 - present',
    },
    /has \d+ pods, and may have \d+/,
  ],
  [
    'writes for ever',
    {
      file: '/controllers/condition-list.ts',
      from: 'current.status === next.status && current.reason === next.reason',
      to: 'current.status === next.status && current.reason === next.reason && false',
    },
    /was written though nothing changed/,
  ],
  [
    'keeps one pod less than wanted',
    {
      file: '/replicaset/plan-replicas.ts',
      from: 'const excess = active.length - wanted',
      to: 'const excess = active.length - Math.max(0, wanted - 1)',
    },
    /availableReplicas is/,
  ],
  [
    'never lets the pods of a job go',
    { file: '/job/release-pod.ts', from: 'if (!isTracked(pod)) return', to: 'if (isTracked(pod)) return' },
    /pods still tracked/,
  ],
]

async function faultsOf(task: MutantTask): Promise<readonly string[]> {
  const worker = new Worker(new URL('mutant-worker.ts', import.meta.url), { workerData: task })
  try {
    const [faults] = (await once(worker, 'message')) as [readonly string[]]
    return faults
  } finally {
    await worker.terminate()
  }
}

void describe('runScenario', () => {
  for (const [what, mutation, fault] of mutants)
    void it(`finds out a program that ${what}`, async () => {
      const faults = await faultsOf({ mutation, seeds: [1, 12] })
      assert.ok(
        faults.some((found) => fault.test(found)),
        `nobody noticed: ${faults.join('; ')}`,
      )
    })
})
