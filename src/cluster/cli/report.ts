/** Tells the user what is done while it is done. */
export interface Report {
  /** Runs `work` and then says how long it took. A failure is thrown on; the step says that it failed. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>
  say(line: string): void
}

/** A line per step, with the time it took: `  bridge and addresses                      0.04 s`. */
export function lineReport(write: (line: string) => void, now = () => performance.now()): Report {
  return {
    async step(title, work) {
      const start = now()
      try {
        const result = await work()
        write(stepLine('✓', title, now() - start))
        return result
      } catch (error) {
        write(stepLine('✗', title, now() - start))
        throw error
      }
    },
    say: write,
  }
}

export const silentReport: Report = { step: (_, work) => work(), say() {} }

function stepLine(mark: string, title: string, tookMs: number): string {
  return ` ${mark} ${title.padEnd(56)} ${(tookMs / 1000).toFixed(2).padStart(6)} s`
}
