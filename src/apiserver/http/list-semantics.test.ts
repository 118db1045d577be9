import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

const path = '/api/v1/namespaces/default/configmaps'

interface List {
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly items: readonly { readonly metadata: { readonly name: string } }[]
}

let testServer: TestServer
let client: HttpsClient
/** The resourceVersion at which there were `a` and `b`, and that at which there are `a`, `b` and `c`. */
let earlier: string
let latest: string
/** One that is not reached. */
const future = '1000000'

before(async () => {
  testServer = await startTestServer()
  client = new HttpsClient(testServer)
  for (const name of ['a', 'b', 'c']) {
    const created = await client.send(path, { method: 'POST', body: { metadata: { name } } })
    const { resourceVersion } = created.json['metadata'] as { resourceVersion: string }
    if (name === 'b') earlier = resourceVersion
    latest = resourceVersion
  }
})
after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

function listPath(parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return `${path}?${new URLSearchParams(given).toString()}`
}

const exact = 'Exact'
const notOlder = 'NotOlderThan'

/** limit, resourceVersion, resourceVersionMatch, and the names that are listed, at which state. */
const combinations: readonly (readonly [
  string | undefined,
  'none' | '0' | 'earlier' | 'latest',
  string | undefined,
  string,
  'earlier' | 'latest',
])[] = [
  [undefined, 'none', undefined, 'a b c', 'latest'],
  [undefined, '0', undefined, 'a b c', 'latest'],
  [undefined, 'earlier', undefined, 'a b c', 'latest'],
  [undefined, 'latest', undefined, 'a b c', 'latest'],
  [undefined, '0', notOlder, 'a b c', 'latest'],
  [undefined, 'earlier', notOlder, 'a b c', 'latest'],
  [undefined, 'earlier', exact, 'a b', 'earlier'],
  [undefined, 'latest', exact, 'a b c', 'latest'],
  ['1', 'none', undefined, 'a', 'latest'],
  // Any state will do: it is there as a whole.
  ['1', '0', undefined, 'a b c', 'latest'],
  ['1', '0', notOlder, 'a b c', 'latest'],
  // Without a match, a limit makes it exact.
  ['1', 'earlier', undefined, 'a', 'earlier'],
  ['1', 'earlier', notOlder, 'a', 'latest'],
  ['1', 'earlier', exact, 'a', 'earlier'],
]

for (const [limit, version, match, names, state] of combinations) {
  test(`list: limit ${limit ?? '-'}, resourceVersion ${version}, match ${match ?? '-'}`, async () => {
    const resourceVersion = { none: undefined, '0': '0', earlier, latest }[version]
    const response = await client.send(listPath({ limit, resourceVersion, resourceVersionMatch: match }))
    assert.equal(response.status, 200, response.text)
    const { metadata, items } = response.json as unknown as List
    assert.equal(items.map((item) => item.metadata.name).join(' '), names)
    assert.equal(metadata.resourceVersion, { earlier, latest }[state])
    const remaining = (state === 'earlier' ? 2 : 3) - items.length
    assert.equal(metadata.remainingItemCount, remaining > 0 ? remaining : undefined)
    assert.equal(metadata.continue !== undefined, remaining > 0)
  })
}

const refusals: readonly (readonly [string, Readonly<Record<string, string>>, number, RegExp])[] = [
  [
    'a match without a version',
    { resourceVersionMatch: exact },
    422,
    /resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided$/,
  ],
  [
    'exactly any version',
    { resourceVersion: '0', resourceVersionMatch: exact },
    422,
    /resourceVersionMatch "exact" is forbidden for resourceVersion "0"$/,
  ],
  [
    'a match that is none',
    { resourceVersion: '1', resourceVersionMatch: 'Near' },
    422,
    /resourceVersionMatch: Unsupported value: "Near": supported values: "Exact", "NotOlderThan", ""$/,
  ],
  ['a version that is none', { resourceVersion: 'x' }, 400, /^invalid resource version/],
  [
    'a continue token that is none',
    { continue: '%' },
    400,
    /^invalid continue token: continue key is not valid/,
  ],
  [
    'initial events of a list',
    { sendInitialEvents: 'true' },
    422,
    /sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list$/,
  ],
]

for (const [name, parameters, status, message] of refusals) {
  test(`list refuses ${name}`, async () => {
    const response = await client.send(listPath(parameters))
    assert.equal(response.status, status, response.text)
    assert.match(String(response.json['message']), message)
  })
}

test('a version that is not reached is a timeout that says so', async () => {
  const responses = await Promise.all(
    [undefined, exact, notOlder].map((match) =>
      client.send(listPath({ resourceVersion: future, resourceVersionMatch: match })),
    ),
  )
  for (const response of responses) {
    assert.equal(response.status, 504, response.text)
    assert.match(
      String(response.json['message']),
      /^Timeout: Too large resource version: 1000000, current: \d+$/,
    )
    const { causes, retryAfterSeconds } = response.json['details'] as {
      causes: readonly { reason: string }[]
      retryAfterSeconds: number
    }
    assert.deepEqual([causes[0]!.reason, retryAfterSeconds], ['ResourceVersionTooLarge', 1])
  }
})

test('pages are of one state, whatever happens meanwhile', async () => {
  const first = (await client.send(listPath({ limit: '1' }))).json as unknown as List
  await client.send(path, { method: 'POST', body: { metadata: { name: 'aa' } } })
  const token = first.metadata.continue!
  for (const resourceVersion of [undefined, '0']) {
    const rest = await client.send(listPath({ limit: '5', continue: token, resourceVersion }))
    const { items, metadata } = rest.json as unknown as List
    assert.deepEqual(
      items.map((item) => item.metadata.name),
      ['b', 'c'],
    )
    assert.equal(metadata.resourceVersion, first.metadata.resourceVersion)
  }
  const both = await client.send(listPath({ continue: token, resourceVersion: earlier }))
  assert.equal(both.status, 400)
  assert.equal(both.json['message'], 'specifying resource version is not allowed when using continue')
  const matched = await client.send(listPath({ continue: token, resourceVersionMatch: exact }))
  assert.equal(matched.status, 422)
  await client.send(`${path}/aa`, { method: 'DELETE' })
})

test('pages of a selection do not tell how many remain', async () => {
  const { json } = await client.send(listPath({ limit: '1', labelSelector: '!x' }))
  const { metadata } = json as unknown as List
  assert.ok(metadata.continue)
  assert.equal(metadata.remainingItemCount, undefined)
})

const watchRefusals: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
  [
    { sendInitialEvents: 'true' },
    /resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan/,
  ],
  [
    { resourceVersionMatch: notOlder },
    /resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided/,
  ],
  [
    { sendInitialEvents: 'true', resourceVersionMatch: exact },
    /resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan"/,
  ],
]

for (const [parameters, message] of watchRefusals) {
  test(`watch refuses ${JSON.stringify(parameters)}`, async () => {
    const response = await client.send(listPath({ watch: '1', ...parameters }))
    assert.equal(response.status, 422, response.text)
    assert.match(String(response.json['message']), message)
  })
}

test('the old paths of watches watch collections and single objects', async () => {
  const legacy = '/api/v1/watch/namespaces/default/configmaps'
  for (const [url, names] of [
    [legacy, ['a', 'b', 'c']],
    [`${legacy}/b`, ['b']],
    ['/api/v1/watch/configmaps', ['a', 'b', 'c']],
  ] as const) {
    const { text, status } = await client.send(`${url}?timeoutSeconds=1`)
    assert.equal(status, 200, text)
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { object: List['items'][0] })
    const found = events.map(({ object }) => object.metadata.name).filter((name) => name.length === 1)
    assert.deepEqual(found, names)
  }
})
