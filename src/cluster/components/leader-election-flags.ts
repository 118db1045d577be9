import type { LeaderElectionOptions } from '../../client/leader-election.ts'
import { DurationError, formatDuration, parseDuration } from '../../machinery/duration.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes } from '../cli/exit-codes.ts'

export type Election = Omit<LeaderElectionOptions, 'identity'>

/**
 * How a component is elected, by `--leader-elect*`; undefined where it is not. Throws CliError (usage) for what upstream
 * refuses. Source: k8s.io/component-base/config/validation, ValidateLeaderElectionConfiguration.
 */
export function parseElection(input: CommandInput, component: string): Election | undefined {
  const leaseDurationMs = durationOption(input, 'leader-elect-lease-duration') ?? 15_000
  const renewDeadlineMs = durationOption(input, 'leader-elect-renew-deadline') ?? 10_000
  const retryPeriodMs = durationOption(input, 'leader-elect-retry-period') ?? 2_000
  if (input.text('leader-elect') === 'false') return undefined
  if (leaseDurationMs <= renewDeadlineMs) {
    throw usageError('--leader-elect-lease-duration must be greater than --leader-elect-renew-deadline')
  }
  if (renewDeadlineMs <= retryPeriodMs) {
    throw usageError('--leader-elect-renew-deadline must be greater than --leader-elect-retry-period')
  }
  return {
    component,
    lease: {
      namespace: input.text('leader-elect-resource-namespace') ?? 'kube-system',
      name: input.text('leader-elect-resource-name') ?? component,
    },
    leaseDurationMs,
    renewDeadlineMs,
    retryPeriodMs,
  }
}

/** As component-base's LeaderElectionConfiguration has it: for /configz. */
export function describeElection(election: Election | undefined): Readonly<Record<string, unknown>> {
  if (!election) return { leaderElect: false }
  const { lease, leaseDurationMs = 0, renewDeadlineMs = 0, retryPeriodMs = 0 } = election
  return {
    leaderElect: true,
    leaseDuration: formatDuration(leaseDurationMs),
    renewDeadline: formatDuration(renewDeadlineMs),
    retryPeriod: formatDuration(retryPeriodMs),
    resourceLock: 'leases',
    resourceName: lease?.name,
    resourceNamespace: lease?.namespace,
  }
}

/** Milliseconds of an option that is a Go duration greater than zero; undefined when it was not given. */
export function durationOption(input: CommandInput, option: string): number | undefined {
  const text = input.text(option)
  if (text === undefined) return undefined
  try {
    const durationMs = parseDuration(text)
    if (durationMs > 0) return durationMs
  } catch (error) {
    if (!(error instanceof DurationError)) throw error
    throw usageError(`--${option}: ${error.message}`)
  }
  throw usageError(`--${option} must be greater than zero`)
}

export function usageError(message: string): CliError {
  return new CliError(message, exitCodes.usage)
}
