import type { Pod } from '../../api/generated/core.v1.ts'
import type { ShutdownSettings } from '../options.ts'
import type { PodManager } from '../pods/pod-manager.ts'
import { logindInhibitor } from './logind-inhibitor.ts'
import {
  createShutdownManager,
  type ShutdownManager,
  type ShutdownManagerOptions,
} from './shutdown-manager.ts'

export interface ShutdownOptions extends Pick<
  ShutdownManagerOptions,
  'clock' | 'log' | 'metrics' | 'onChange'
> {
  readonly settings: ShutdownSettings
  readonly manager: PodManager
  /** Whether the kubelet ends the pod; others end by themselves. */
  readonly isOurs: (pod: Pod) => boolean
}

/** Ends the manager's pods in order when the machine goes down, as systemd-logind says unless something else does. */
export function openShutdown(options: ShutdownOptions): ShutdownManager {
  const { settings, manager, isOurs, ...rest } = options
  return createShutdownManager({
    ...rest,
    periods: settings.periods,
    inhibitor: settings.inhibitor ?? logindInhibitor(),
    pods: () => manager.active().filter(isOurs),
    end: ({ metadata }, failure) => manager.end(metadata?.uid ?? '', failure),
    hasEnded: ({ metadata }) => manager.isReleased(metadata?.uid ?? ''),
  })
}
