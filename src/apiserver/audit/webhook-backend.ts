import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import type { PostOptions } from '../webhook/post-json.ts'
import { withRetries } from '../webhook/retry.ts'
import type { AuditBackend, AuditEvent } from './audit-event.ts'
import { noteLostEvents, type AuditBackendContext } from './audit-fault.ts'

export interface WebhookBackendContext extends AuditBackendContext {
  readonly clock: Clock
  readonly random: Random
}

export interface WebhookBackendOptions {
  /** What is answered does not matter, unless it is a failure. */
  readonly post: (body: unknown, options: PostOptions) => Promise<unknown>
  /** The pause before the first repetition, which then grows. Default 10 seconds. */
  readonly initialBackoffMs?: number
}

const timeoutMs = 30_000
const defaultInitialBackoffMs = 10_000

/**
 * Posts events as an EventList. Whatever goes wrong is tried again: there is no failure that a receiver could not get over.
 * Source: k8s.io/apiserver/plugin/pkg/audit/webhook.
 */
export class WebhookBackend implements AuditBackend {
  readonly #options: WebhookBackendOptions
  readonly #context: WebhookBackendContext

  constructor(options: WebhookBackendOptions, context: WebhookBackendContext) {
    this.#options = options
    this.#context = context
  }

  async process(events: readonly AuditEvent[]): Promise<boolean> {
    const { post, initialBackoffMs = defaultInitialBackoffMs } = this.#options
    const { clock, random } = this.#context
    // Events in a list need not say what they are.
    const items = events.map(withoutKind)
    const list = { kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items }
    const retry = { firstDelayMs: initialBackoffMs, mayPass: () => true }
    try {
      await withRetries(clock, random, () => post(list, { timeoutMs }), retry)
      return true
    } catch (error) {
      noteLostEvents(this.#context, 'webhook', error, events)
      return false
    }
  }

  close(): void {}
}

function withoutKind(event: AuditEvent): Omit<AuditEvent, 'kind' | 'apiVersion'> {
  const { kind: _, apiVersion: __, ...rest } = event
  return rest
}
