import type { AuditBackend, AuditEvent } from './audit-event.ts'
import { noteLostEvents, type AuditBackendContext } from './audit-fault.ts'
import { levels } from './audit-policy.ts'
import { goJsonLine } from '../../machinery/go-json.ts'

export interface TruncateOptions {
  /** Bytes; of larger events only the metadata is kept, and nothing where that is too large, too. */
  readonly maxEventSize: number
  /** Bytes; larger batches are handed on in parts. */
  readonly maxBatchSize: number
}

const truncatedAnnotation = { 'audit.k8s.io/truncated': 'true' }

/** Hands on events of no more than a size. Source: k8s.io/apiserver/plugin/pkg/audit/truncate. */
export class TruncatingBackend implements AuditBackend {
  readonly #delegate: AuditBackend
  readonly #options: TruncateOptions
  readonly #context: AuditBackendContext

  constructor(delegate: AuditBackend, options: TruncateOptions, context: AuditBackendContext) {
    this.#delegate = delegate
    this.#options = options
    this.#context = context
  }

  async process(events: readonly AuditEvent[]): Promise<boolean> {
    const { maxEventSize, maxBatchSize } = this.#options
    const batches: AuditEvent[][] = []
    const lost: AuditEvent[] = []
    let batchSize = 0
    for (const given of events) {
      const event = sizeOf(given) > maxEventSize && hasObjects(given) ? truncated(given) : given
      const size = sizeOf(event)
      if (size > maxEventSize) {
        lost.push(event)
        continue
      }
      const batch = batches.at(-1)
      if (batch && batchSize + size <= maxBatchSize) {
        batch.push(event)
        batchSize += size
      } else {
        batches.push([event])
        batchSize = size
      }
    }
    let isRecorded = true
    for (const batch of batches) isRecorded = (await this.#delegate.process(batch)) && isRecorded
    if (lost.length > 0)
      noteLostEvents(this.#context, 'truncate', 'event is too large even after truncating', lost)
    return isRecorded
  }

  close(): void | Promise<void> {
    return this.#delegate.close()
  }
}

function hasObjects({ level }: AuditEvent): boolean {
  return levels.indexOf(level) >= levels.indexOf('Request')
}

function truncated(whole: AuditEvent): AuditEvent {
  const { requestObject: _, responseObject: __, ...event } = whole
  return { ...event, annotations: { ...event.annotations, ...truncatedAnnotation } }
}

function sizeOf(event: AuditEvent): number {
  return Buffer.byteLength(goJsonLine(event))
}
