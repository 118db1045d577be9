export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** `share` from 0 to 1. The median of an even number of values is the mean of the two in the middle. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error('there are no values')
  const sorted = values.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!]
  return share === 0.5 ? (below + above) / 2 : above
}

export interface Timed<Result> {
  readonly result: Result
  readonly ms: number
  /** Of this process, all its threads. */
  readonly cpuMicroseconds: number
}

export async function timed<Result>(run: () => Result | Promise<Result>): Promise<Timed<Result>> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  const result = await run()
  const ms = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { result, ms, cpuMicroseconds: user + system }
}

/** One after the other. */
export async function repeat<Result>(
  count: number,
  run: (index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let index = 0; index < count; index++) results.push(await run(index))
  return results
}
