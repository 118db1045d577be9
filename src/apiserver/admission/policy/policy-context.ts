import type { Metrics } from '../../../machinery/metrics.ts'
import type { Clock } from '../../../machinery/clock.ts'
import type { Logger } from '../../../machinery/log.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { Objects } from '../../objects.ts'
import type { ServedName, ServedResource } from '../../registry/served-resource.ts'

/** What policies are evaluated with. */
export interface PolicyContext {
  readonly objects: Objects
  readonly authorizer: Authorizer
  /** Who serves a kind, built-in or custom. */
  servedKind(name: ServedName): ServedResource | undefined
  readonly metrics: Metrics
  readonly clock: Clock
  readonly log: Logger
}
