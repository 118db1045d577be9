import type { FlowSchema } from '../../api/generated/flowcontrol.v1.ts'
import type { User } from '../authentication/authenticator.ts'
import type { RequestInfo } from '../request-info.ts'
import type { FlowMetrics } from './flow-control-metrics.ts'
import { compileMatcher, type Matcher } from './matching.ts'
import type { PriorityLevel } from './priority-level.ts'
import { dealHand, flowHash } from './shuffle-sharding.ts'

/** Hands are dealt again when so many flows are known. */
const maxHands = 4096
const noHand: readonly number[] = []

/** A flow schema and the level that its requests go to. */
export class Flow {
  readonly name: string
  readonly uid: string
  readonly level: PriorityLevel
  readonly matches: Matcher
  readonly metrics: FlowMetrics
  readonly #method: string | undefined
  /** By what tells flows apart. */
  readonly #hands = new Map<string, readonly number[]>()

  constructor(schema: FlowSchema, level: PriorityLevel, metrics: FlowMetrics) {
    this.name = schema.metadata?.name ?? ''
    this.uid = schema.metadata?.uid ?? ''
    this.level = level
    this.matches = compileMatcher(schema)
    this.metrics = metrics
    this.#method = schema.spec?.distinguisherMethod?.type
  }

  /** What a request's flow is known by among those of the schema. */
  distinguisherOf(info: RequestInfo, user: User): string {
    if (this.#method === 'ByUser') return user.name
    return this.#method === 'ByNamespace' ? info.namespace : ''
  }

  /** The queues of the level that a flow may use. */
  hand(distinguisher: string): readonly number[] {
    const { queuing } = this.level
    if (queuing.type !== 'queue') return noHand
    let hand = this.#hands.get(distinguisher)
    if (!hand) {
      if (this.#hands.size >= maxHands) this.#hands.clear()
      hand = dealHand(flowHash(this.name, distinguisher), queuing.queues, queuing.handSize)
      this.#hands.set(distinguisher, hand)
    }
    return hand
  }
}
