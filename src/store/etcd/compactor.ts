import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Connection } from './connection.ts'
import { Compare_CompareResult, Compare_CompareTarget, KV } from './generated/rpc_pb.ts'

/** How often history is given up, and how much of it is there at least. */
const compactionIntervalMs = 300_000

/** The key by which those who share an etcd agree that one of them compacts; upstream's API servers know it too. */
const turnKey = Buffer.from('compact_rev_key')

export interface CompactorContext {
  readonly connection: Connection
  /** Says nothing of what has been given up already. */
  compact(revision: bigint): Promise<void>
}

/** What one of them knows of the last turn: how many there had been, and the revision at that time. */
export interface Turn {
  readonly count: bigint
  readonly revision: bigint
}

export const noTurn: Turn = { count: 0n, revision: 0n }

/**
 * Gives up the history before the last turn if nobody else has had a turn since, so that all of it is there for one
 * interval at least. Answers with the turn to begin from next time. Source: k8s.io/apiserver/pkg/storage/etcd3/compact.go.
 */
export async function takeTurn({ connection, compact }: CompactorContext, last: Turn): Promise<Turn> {
  const { succeeded, header, responses } = await connection.write(KV.method.txn, {
    compare: [
      {
        key: turnKey,
        target: Compare_CompareTarget.VERSION,
        result: Compare_CompareResult.EQUAL,
        targetUnion: { case: 'version' as const, value: last.count },
      },
    ],
    success: [
      {
        request: {
          case: 'requestPut' as const,
          value: { key: turnKey, value: Buffer.from(last.revision.toString()) },
        },
      },
    ],
    failure: [{ request: { case: 'requestRange' as const, value: { key: turnKey } } }],
  })
  const { revision } = header!
  if (!succeeded) {
    const found = responses[0]?.response
    return { count: (found?.case === 'responseRange' && found.value.kvs[0]?.version) || 0n, revision }
  }
  if (last.revision > 0n) await compact(last.revision)
  return { count: last.count + 1n, revision }
}

/** Takes turns until `signal` aborts. */
export async function keepCompacting(
  context: CompactorContext,
  clock: Clock,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  let turn = noTurn
  while (!signal.aborted) {
    await sleep(clock, compactionIntervalMs, signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      turn = await takeTurn(context, turn)
    } catch (error) {
      if (!signal.aborted) log.warn('history could not be compacted', { error })
    }
  }
}
