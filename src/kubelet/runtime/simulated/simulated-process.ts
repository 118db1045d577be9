import { sleep, type Cancel, type Clock } from '../../../machinery/clock.ts'
import { parseScript, type Step } from './script.ts'
import { exitAfterAnnotation, exitCodeAnnotation, ignoreStopAnnotation } from './simulated-annotations.ts'
import type { SimulatedContainer } from './simulated-container.ts'

export const killedExitCode = 137
const stoppedExitCode = 143

/** What simulated containers do: what their pod's annotations say, else what their command would. */
export interface Processes {
  /** Begins what the container, which is running, does. */
  start(target: SimulatedContainer): void
  /** Resolves when it has ended: by itself, or killed after `timeoutSeconds`. */
  stop(target: SimulatedContainer, timeoutSeconds: number): Promise<void>
}

export interface ProcessesOptions {
  readonly clock: Clock
  readonly stopDelayMs: number
  /** What an annotation says for the container. */
  readonly setting: (target: SimulatedContainer, name: string) => string | undefined
  /** The container is about to have ended: its status still says that it runs. */
  readonly onEnding: (target: SimulatedContainer) => void
  readonly onEnd: (target: SimulatedContainer) => void
}

export function createProcesses(options: ProcessesOptions): Processes {
  const { clock, stopDelayMs, setting, onEnding, onEnd } = options

  function print(target: SimulatedContainer, text: string): void {
    const time = new Date(clock.now()).toISOString().replace('Z', '000000Z')
    for (const line of text.split('\n')) {
      if (line !== '') target.log.push(Buffer.from(`${time} stdout F ${line}\n`))
    }
    for (const watcher of target.watchers) watcher.push(Buffer.from(text))
  }

  function stepsOf(target: SimulatedContainer): readonly Step[] {
    const exitAfter = setting(target, exitAfterAnnotation)
    const exitCode = setting(target, exitCodeAnnotation)
    if (exitAfter !== undefined || exitCode !== undefined) {
      return [
        { type: 'sleep', milliseconds: Number(exitAfter ?? 0) * 1000 },
        { type: 'exit', exitCode: Number(exitCode ?? 0) },
      ]
    }
    const { command, args } = target.config
    return parseScript([...command, ...args])
  }

  function finish(target: SimulatedContainer, exitCode: number): void {
    onEnding(target)
    target.end = undefined
    target.status = {
      ...target.status,
      state: 'exited',
      exitCode,
      finishedAtMs: clock.now(),
      reason: exitCode === 0 ? 'Completed' : 'Error',
    }
    for (const watcher of target.watchers) watcher.close()
    onEnd(target)
  }

  return {
    start(target) {
      const steps = stepsOf(target)
      let cancel: Cancel = () => {}
      let index = 0
      target.end = (exitCode) => {
        cancel()
        finish(target, exitCode)
      }
      const next = (): void => {
        const step = steps[index++]
        switch (step?.type) {
          case 'print':
            print(target, step.text)
            return next()
          case 'sleep':
            cancel = clock.after(step.milliseconds, next)
            return
          case 'exit':
            cancel = clock.after(0, () => target.end?.(step.exitCode))
            return
          case 'copyInput':
          case 'forever':
          case undefined:
            return
        }
      }
      next()
    },

    async stop(target, timeoutSeconds) {
      if (target.status.state !== 'running') return
      const timeoutMs = timeoutSeconds * 1000
      const ignores = setting(target, ignoreStopAnnotation) === 'true'
      const delayMs = ignores ? timeoutMs : Math.min(stopDelayMs, timeoutMs)
      if (delayMs > 0) await sleep(clock, delayMs)
      target.end?.(ignores || stopDelayMs > timeoutMs ? killedExitCode : stoppedExitCode)
    },
  }
}
