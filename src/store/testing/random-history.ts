import assert from 'node:assert/strict'
import type { Random } from '../../machinery/random.ts'
import type { Entry, Store, StoreEvent } from '../store.ts'
import { StoreError } from '../store.ts'
import { eventResult, eventRevision } from '../mvcc/event.ts'
import { assertSameEntries, comparable, comparableEvent, Model } from './model.ts'
import { type RecordedWatch, recordWatch } from './recorded-watch.ts'
import { bytes } from './store-fixture.ts'

export interface RandomHistoryOptions {
  readonly random: Random
  readonly clients: number
  readonly operationsPerClient: number
  /** All keys start with this. */
  readonly prefix: string
}

/** What a client saw of one operation. `startedAt` and `endedAt` are ticks of one counter. */
interface Observation {
  readonly startedAt: number
  readonly endedAt: number
  readonly seen:
    | { readonly type: 'wrote'; readonly event: StoreEvent }
    | {
        readonly type: 'conflict'
        readonly key: string
        readonly found: Entry | undefined
        readonly expected: bigint | undefined
      }
    | { readonly type: 'got'; readonly key: string; readonly entry: Entry | undefined }
    | {
        readonly type: 'listed'
        readonly prefix: string
        readonly entries: readonly Entry[]
        readonly revision: bigint
        readonly now: boolean
      }
}

type Seen = Observation['seen']

/**
 * Lets clients work on a store at the same time, at random, and checks all they saw against a trivial model: writes are
 * linearizable, reads and refusals show a state of their time, lists at past revisions equal the model, watches deliver
 * everything after their revision, in order, once.
 */
export async function checkRandomHistory(store: Store, options: RandomHistoryOptions): Promise<void> {
  const history = new RandomHistory(store, options)
  const start = await store.currentRevision()
  const clients = Array.from({ length: options.clients }, () => history.runClient())
  await Promise.all(clients)
  const end = await store.currentRevision()
  const model = new Model(
    history.observations.flatMap(({ seen }) => (seen.type === 'wrote' ? [seen.event] : [])),
  )

  checkWrites(model, history.observations)
  for (const observation of history.observations) checkReading(model, observation, history.observations)
  await checkLists(store, model, options, start, end)
  for (const watched of history.watches) await checkWatch(model, watched, end)
}

class RandomHistory {
  readonly observations: Observation[] = []
  readonly watches: { readonly prefix: string; readonly after: bigint; readonly watch: RecordedWatch }[] = []
  readonly #store: Store
  readonly #options: RandomHistoryOptions
  /** The latest revision seen of each key, by whichever client: mostly right, so that most updates succeed. */
  readonly #known = new Map<string, Entry>()
  readonly #revisions: bigint[] = []
  #tick = 0

  constructor(store: Store, options: RandomHistoryOptions) {
    this.#store = store
    this.#options = options
  }

  async runClient(): Promise<void> {
    for (let count = 0; count < this.#options.operationsPerClient; count++) {
      const startedAt = this.#tick++
      const seen = await this.#operate()
      if (seen) this.observations.push({ startedAt, endedAt: this.#tick++, seen })
    }
  }

  async #operate(): Promise<Seen | undefined> {
    const key = this.#key()
    const kind = this.#random(10)
    if (kind < 6) return this.#write(key, kind)
    if (kind === 6) return { type: 'got', key, entry: await this.#store.get(key) }
    if (kind === 7) return this.#list(undefined)
    if (kind === 8) return this.#list(this.#revisions[this.#random(this.#revisions.length)])
    this.#watch()
    return undefined
  }

  async #write(key: string, kind: number): Promise<Seen> {
    const known = this.#known.get(key)
    const value = bytes(`value ${this.#tick}`)
    try {
      const event = await this.#attempt(key, value, known, kind)
      this.#revisions.push(eventRevision(event))
      this.#learn(key, eventResult(event))
      return { type: 'wrote', event }
    } catch (error) {
      if (!(error instanceof StoreError) || error.reason !== 'conflict') throw error
      this.#learn(key, error.found)
      return { type: 'conflict', key, found: error.found, expected: known?.revision }
    }
  }

  async #attempt(
    key: string,
    value: Uint8Array,
    known: Entry | undefined,
    kind: number,
  ): Promise<StoreEvent> {
    if (!known) return { type: 'put', entry: await this.#store.create(key, value) }
    if (kind > 0) {
      return { type: 'put', entry: await this.#store.update(key, value, known.revision), previous: known }
    }
    return { type: 'delete', key, revision: await this.#store.delete(key, known.revision), previous: known }
  }

  #learn(key: string, entry: Entry | undefined): void {
    if (entry) this.#known.set(key, entry)
    else this.#known.delete(key)
  }

  async #list(revision: bigint | undefined): Promise<Seen> {
    const prefix = this.#prefix()
    const range = await this.#store.list(prefix, revision === undefined ? {} : { revision })
    if (revision !== undefined) assert.equal(range.revision, revision)
    return {
      type: 'listed',
      prefix,
      entries: range.entries,
      revision: range.revision,
      now: revision === undefined,
    }
  }

  #watch(): void {
    const prefix = `${this.#options.prefix}${this.#random(2) ? 'a/' : 'c/'}`
    const after = this.#revisions[this.#random(this.#revisions.length)]
    if (after === undefined) return
    this.watches.push({ prefix, after, watch: recordWatch(this.#store, prefix, after) })
  }

  #key(): string {
    return `${this.#prefix()}${this.#random(4)}`
  }

  #prefix(): string {
    return `${this.#options.prefix}${['a/', 'a/b/', 'c/'][this.#random(3)]}`
  }

  #random(count: number): number {
    return Math.floor(this.#options.random.next() * count)
  }
}

/** Each write was right in the state before it, has a revision of its own, and follows what ended before it began. */
function checkWrites(model: Model, observations: readonly Observation[]): void {
  let last = 0n
  for (const event of model.events) {
    const revision = eventRevision(event)
    assert.ok(revision > last, `revision ${revision} comes after ${last}`)
    last = revision
    const key = event.type === 'put' ? event.entry.key : event.key
    const before = model.at(revision - 1n).get(key)
    assert.deepEqual(comparable(event.previous), comparable(before), `what revision ${revision} replaced`)
  }
  for (const { startedAt, seen } of observations) {
    if (seen.type !== 'wrote') continue
    const floor = revisionKnownAt(observations, startedAt)
    assert.ok(
      eventRevision(seen.event) > floor,
      `revision ${eventRevision(seen.event)} was made after ${floor}`,
    )
  }
}

/** What was read, or found instead of what was expected, stood there at some moment of the operation. */
function checkReading(
  model: Model,
  { startedAt, endedAt, seen }: Observation,
  all: readonly Observation[],
): void {
  const floor = revisionKnownAt(all, startedAt)
  switch (seen.type) {
    case 'wrote':
      return
    case 'listed':
      if (seen.now) assert.ok(seen.revision >= floor, `a list at ${seen.revision} began after ${floor}`)
      assertSameEntries(seen.entries, model.list(seen.prefix, seen.revision), `a list at ${seen.revision}`)
      return
    case 'conflict':
      assert.notEqual(seen.found?.revision, seen.expected, 'a refusal is for a reason')
      assertStoodThere(model, all, seen.key, seen.found, floor, endedAt)
      return
    case 'got':
      assertStoodThere(model, all, seen.key, seen.entry, floor, endedAt)
  }
}

function assertStoodThere(
  model: Model,
  all: readonly Observation[],
  key: string,
  entry: Entry | undefined,
  floor: bigint,
  endedAt: number,
): void {
  const during = all.flatMap(({ startedAt, seen }) => {
    return seen.type === 'wrote' && startedAt < endedAt ? [eventRevision(seen.event)] : []
  })
  const moments = [floor, ...during.filter((revision) => revision > floor)]
  const stood = moments.some((revision) => model.at(revision).get(key)?.revision === entry?.revision)
  assert.ok(stood, `${key} at revision ${entry?.revision} was read after ${floor}`)
  if (entry) assert.deepEqual(comparable(entry), comparable(model.at(entry.revision).get(key)))
}

/** The latest revision that somebody had seen before `tick`. */
function revisionKnownAt(observations: readonly Observation[], tick: number): bigint {
  let known = 0n
  for (const { endedAt, seen } of observations) {
    if (endedAt > tick) continue
    const revision =
      seen.type === 'wrote'
        ? eventRevision(seen.event)
        : seen.type === 'listed' && seen.now
          ? seen.revision
          : 0n
    if (revision > known) known = revision
  }
  return known
}

/** Every past revision that is still held, page by page. */
async function checkLists(
  store: Store,
  model: Model,
  options: RandomHistoryOptions,
  start: bigint,
  end: bigint,
): Promise<void> {
  for (let revision = start; revision <= end; revision++) {
    const prefix = `${options.prefix}${revision % 2n ? 'a/' : 'c/'}`
    const limit = 1 + Number(revision % 5n)
    let startKey: string | undefined
    const entries: Entry[] = []
    do {
      const page = await store.list(prefix, { revision, limit, ...(startKey !== undefined && { startKey }) })
      entries.push(...page.entries)
      assert.equal(
        page.remaining,
        model.list(prefix, revision).length - entries.length,
        'the count of what remains',
      )
      startKey = page.remaining > 0 ? `${page.entries.at(-1)!.key}\0` : undefined
    } while (startKey !== undefined)
    assertSameEntries(entries, model.list(prefix, revision), `the pages at ${revision}`)
  }
}

async function checkWatch(
  model: Model,
  { prefix, after, watch }: RandomHistory['watches'][number],
  end: bigint,
): Promise<void> {
  await watch.reaches(end)
  watch.close()
  assert.deepEqual(
    watch.events.map(comparableEvent),
    model.since(prefix, after).map(comparableEvent),
    `a watch on ${prefix} after ${after}`,
  )
}
