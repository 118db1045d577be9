import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { HttpsClient, type TestResponse } from '../testing/https-client.ts'
import { startTestServer } from '../testing/test-server.ts'

/*
 * What each combination of limit, continue, resourceVersion, resourceVersionMatch and sendInitialEvents means, by rules
 * of this file's own. Source: kubernetes.io/docs/reference/using-api/api-concepts, "Resource versions".
 */

const collection = '/api/v1/namespaces/default/configmaps'
const testServer = await startTestServer()
const client = new HttpsClient(testServer)
after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

type Version = 'none' | '0' | 'earlier' | 'latest' | 'future' | 'malformed'
type Match = 'none' | 'Exact' | 'NotOlderThan' | 'Near'

const versions: readonly Version[] = ['none', '0', 'earlier', 'latest', 'future', 'malformed']
const matches: readonly Match[] = ['none', 'Exact', 'NotOlderThan', 'Near']

async function create(name: string): Promise<string> {
  const { json } = await client.send(collection, { method: 'POST', body: { metadata: { name } } })
  return (json['metadata'] as { readonly resourceVersion: string }).resourceVersion
}

await create('a')
const earlier = await create('b')
const latest = await create('c')
const texts: Readonly<Record<Version, string>> = {
  none: '',
  '0': '0',
  earlier,
  latest,
  future: '1000000',
  malformed: 'x1',
}
const atEarlier = ['a', 'b']
const atLatest = ['a', 'b', 'c']

function address(path: string, parameters: Readonly<Record<string, string>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== '' && value !== 'none')
  return `${path}?${new URLSearchParams(given).toString()}`
}

function messageOf({ json }: TestResponse): string {
  return String(json['message'])
}

interface ListAnswer {
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly items: readonly { readonly metadata: { readonly name: string } }[]
}

function namesOf({ items }: ListAnswer): string[] {
  return items.map(({ metadata }) => metadata.name)
}

/** `b`, and what comes then, at the earlier state. */
const token = (
  (await client.send(address(collection, { limit: '1', resourceVersion: earlier })))
    .json as unknown as ListAnswer
).metadata.continue!

type Expected =
  | { readonly refusal: number; readonly messages: readonly string[] }
  | { readonly names: readonly string[]; readonly version: string; readonly remaining: number }

/** What a list must answer, or a deletecollection. */
function expectedList(limit: number, isContinued: boolean, version: Version, match: Match): Expected {
  const messages: string[] = []
  if (match !== 'none') {
    if (version === 'none')
      messages.push('resourceVersionMatch is forbidden unless resourceVersion is provided')
    if (isContinued) messages.push('resourceVersionMatch is forbidden when continue is provided')
    if (match === 'Near')
      messages.push('Unsupported value: "Near": supported values: "Exact", "NotOlderThan", ""')
    if (match === 'Exact' && version === '0') {
      messages.push('resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
    }
  }
  if (messages.length > 0) return { refusal: 422, messages }
  if (isContinued) {
    if (version !== 'none' && version !== '0') {
      return { refusal: 400, messages: ['specifying resource version is not allowed when using continue'] }
    }
    return { names: ['b'], version: earlier, remaining: 0 }
  }
  if (version === 'malformed') return { refusal: 400, messages: ['invalid resource version'] }
  if (version === 'future')
    return { refusal: 504, messages: ['Too large resource version: 1000000, current: '] }
  // A limit makes a version exact that is not said to be none, unless any newer one is as good.
  const isExact =
    match === 'Exact' || (match === 'none' && limit > 0 && version !== 'none' && version !== '0')
  const state = isExact && version === 'earlier' ? atEarlier : atLatest
  // Any state will do: the one at hand is given as a whole.
  const names = limit > 0 && version !== '0' ? state.slice(0, limit) : state
  const remaining = state.length - names.length
  return { names, version: state === atEarlier ? earlier : latest, remaining }
}

describe('lists of versions', { concurrency: true }, () => {
  for (const verb of ['list', 'deletecollection']) {
    for (const limit of [0, 1]) {
      for (const isContinued of [false, true]) {
        it(`${verb}: ${limit > 0 ? 'with' : 'without'} a limit, ${isContinued ? 'continued' : 'begun'}`, async () => {
          const rows = versions.flatMap((version) => matches.map((match) => ({ version, match })))
          await Promise.all(
            rows.map(async ({ version, match }) => {
              const parameters = {
                limit: limit > 0 ? `${limit}` : '',
                continue: isContinued ? token : '',
                resourceVersion: texts[version],
                resourceVersionMatch: match,
              }
              const request = verb === 'list' ? {} : { method: 'DELETE', body: { dryRun: ['All'] } }
              const response = await client.send(address(collection, parameters), request)
              const where = `${version} ${match}: ${response.text}`
              const expected = expectedList(limit, isContinued, version, match)
              if ('refusal' in expected) {
                assert.equal(response.status, expected.refusal, where)
                for (const message of expected.messages)
                  assert.ok(messageOf(response).includes(message), where)
                return
              }
              assert.equal(response.status, 200, where)
              const answer = response.json as unknown as ListAnswer
              assert.deepEqual(namesOf(answer), expected.names, where)
              assert.equal(answer.metadata.remainingItemCount ?? 0, expected.remaining, where)
              assert.equal(answer.metadata.continue !== undefined, expected.remaining > 0, where)
              assert.equal(answer.metadata.resourceVersion, expected.version, where)
            }),
          )
        })
      }
    }
  }

  it('get: any resourceVersion is one that the answer is not older than', async () => {
    for (const version of versions) {
      const response = await client.send(address(`${collection}/b`, { resourceVersion: texts[version] }))
      const where = `${version}: ${response.text}`
      if (version === 'malformed') {
        assert.equal(response.status, 400, where)
        assert.match(messageOf(response), /^invalid resource version/)
      } else if (version === 'future') {
        assert.equal(response.status, 504, where)
        assert.match(messageOf(response), /Too large resource version: 1000000, current: \d+$/)
      } else {
        assert.equal(response.status, 200, where)
        assert.partialDeepStrictEqual(response.json, { metadata: { name: 'b', resourceVersion: earlier } })
      }
    }
  })
})

type InitialEvents = 'none' | 'true' | 'false'

type ExpectedWatch =
  | { readonly refusal: number; readonly messages: readonly string[] }
  | { readonly names: readonly string[]; readonly endIsMarked: boolean }

function expectedWatch(
  version: Version,
  match: Match,
  initial: InitialEvents,
  bookmarks: boolean,
): ExpectedWatch {
  const messages: string[] = []
  if (initial !== 'none' && match !== 'NotOlderThan') {
    messages.push('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  }
  if (match !== 'none') {
    if (initial === 'none') {
      messages.push('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')
    }
    if (match !== 'NotOlderThan')
      messages.push(`Unsupported value: "${match}": supported values: "NotOlderThan"`)
  }
  if (messages.length > 0) return { refusal: 422, messages }
  if (version === 'malformed') return { refusal: 422, messages: ['resourceVersion: Invalid value: "x1": '] }
  const isState = initial === 'true' || (initial === 'none' && (version === 'none' || version === '0'))
  if (isState) {
    if (version === 'future') return { refusal: 504, messages: ['Too large resource version'] }
    // Watches that always began with the state tell where it ends, too.
    return { names: atLatest, endIsMarked: bookmarks }
  }
  return { names: version === 'earlier' ? ['c'] : [], endIsMarked: false }
}

interface WatchLine {
  readonly type: string
  readonly object: {
    readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> }
  }
}

describe('watches of versions', { concurrency: true }, () => {
  for (const initial of ['none', 'true', 'false'] as const) {
    for (const bookmarks of [false, true]) {
      it(`watch: initial events ${initial}, ${bookmarks ? 'with' : 'without'} bookmarks`, async () => {
        const rows = versions.flatMap((version) => matches.map((match) => ({ version, match })))
        await Promise.all(
          rows.map(async ({ version, match }) => {
            const parameters = {
              watch: 'true',
              timeoutSeconds: '1',
              resourceVersion: texts[version],
              resourceVersionMatch: match,
              sendInitialEvents: initial,
              allowWatchBookmarks: `${bookmarks}`,
            }
            const response = await client.send(address(collection, parameters))
            const where = `${version} ${match}: ${response.text}`
            const expected = expectedWatch(version, match, initial, bookmarks)
            if ('refusal' in expected) {
              assert.equal(response.status, expected.refusal, where)
              for (const message of expected.messages) assert.ok(messageOf(response).includes(message), where)
              return
            }
            assert.equal(response.status, 200, where)
            const lines = response.text.split('\n').filter((line) => line !== '')
            const events = lines.map((line) => JSON.parse(line) as WatchLine)
            const names = events
              .filter(({ type }) => type === 'ADDED')
              .map(({ object }) => object.metadata.name)
            assert.deepEqual(names, expected.names, where)
            const isMark = ({ type, object }: WatchLine) =>
              type === 'BOOKMARK' && object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true'
            assert.equal(events.findIndex(isMark), expected.endIsMarked ? names.length : -1, where)
          }),
        )
      })
    }
  }
})
