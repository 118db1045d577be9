import { readFileSync } from 'node:fs'
import {
  defaultConfiguration,
  readConfiguration,
  type SchedulerConfiguration,
} from '../../scheduler/configuration/configuration.ts'
import { startScheduler } from '../../scheduler/start.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { describeElection, parseElection } from './leader-election-flags.ts'
import { schedulerOptions } from './component-options.ts'
import { flagsInEffect } from './flags-in-effect.ts'
import { runComponent, startElected } from './component-process.ts'

/** Runs the scheduler by itself, while this process is the elected one. */
export function runScheduler(input: CommandInput): Promise<ExitCode> {
  const configuration = schedulerConfiguration(input.text('scheduler-config'))
  const election = parseElection(input, 'kube-scheduler')
  return runComponent(
    input,
    'kube-scheduler',
    ({ context }) => startElected(context, election, () => startScheduler(context, configuration)),
    {
      configuration: {
        'kubescheduler.config.k8s.io': {
          apiVersion: 'kubescheduler.config.k8s.io/v1',
          kind: 'KubeSchedulerConfiguration',
          leaderElection: describeElection(election),
          ...configuration,
        },
      },
      flags: flagsInEffect(schedulerOptions, input, 'kube-scheduler'),
    },
  )
}

/** What the file says; the defaults where none is given. Throws CliError where it is not understood. */
export function schedulerConfiguration(file: string | undefined): SchedulerConfiguration {
  if (file === undefined) return defaultConfiguration
  try {
    return readConfiguration(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CliError(`${file}: ${(error as Error).message}`, exitCodes.usage)
  }
}
