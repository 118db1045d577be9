import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readIfExists } from './atomic-file.ts'

const folder = '/run/k8ts/plans'

/** Takes an address plan for a cluster on this machine; false when another cluster has it. */
export function reservePlan(index: number, cluster: string): boolean {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const file = join(folder, String(index))
  try {
    writeFileSync(file, cluster, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return readIfExists(file) === cluster
  }
}

/** The cluster that has the plan now. */
export function reservedBy(index: number): string | undefined {
  return readIfExists(join(folder, String(index)))
}

export function releasePlan(index: number, cluster: string): void {
  const file = join(folder, String(index))
  if (readIfExists(file) === cluster) rmSync(file, { force: true })
}

/** The plans that other clusters have now. */
export function reservedPlans(exceptCluster: string): Set<number> {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const others = readdirSync(folder).filter((name) => readIfExists(join(folder, name)) !== exceptCluster)
  return new Set(others.map(Number))
}
