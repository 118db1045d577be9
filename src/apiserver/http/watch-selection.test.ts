import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, test } from 'node:test'
import { WebSocket } from 'ws'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, testToken } from '../testing/test-server.ts'

const configMaps = '/api/v1/namespaces/default/configmaps'
const pods = '/api/v1/namespaces/default/pods'

const testServer = await startTestServer()
const client = new HttpsClient(testServer)
after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

interface Answer {
  readonly metadata: { readonly resourceVersion: string; readonly labels?: Readonly<Record<string, string>> }
}

async function send(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' }
  const response = await client.send(path, { method, headers, body: JSON.stringify(body ?? {}) })
  assert.ok(response.status < 300, response.text)
  return response.json as unknown as Answer
}

/** Each way in which a watch comes to a client, as the lines that it gets within a second. */
const transports: Readonly<Record<string, (path: string) => Promise<string[]>>> = {
  'HTTP/2': async (path) => linesOf((await client.send(path)).text),
  'HTTP/1.1': async (path) => linesOf((await client.send1(path)).text),
  async WebSocket(path) {
    const socket = new WebSocket(testServer.url.replace('https', 'wss') + path, {
      ca: testServer.certificateAuthority,
      headers: { authorization: `Bearer ${testToken}` },
    })
    const messages: string[] = []
    socket.on('message', (data: Buffer) => messages.push(data.toString()))
    await once(socket, 'close')
    return messages
  },
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

interface Told {
  readonly type: string
  readonly object: Answer & { readonly spec?: { readonly nodeName?: string } }
}

async function told(watch: (path: string) => Promise<string[]>, path: string): Promise<Told[]> {
  return (await watch(path)).map((line) => JSON.parse(line) as Told)
}

const since = (await client.send(configMaps)).json['metadata'] as Answer['metadata']
await send('POST', configMaps, { metadata: { name: 'a', labels: { go: 'no' } } })
const entered = await send('PATCH', `${configMaps}/a`, { metadata: { labels: { go: 'yes' } } })
const changed = await send('PATCH', `${configMaps}/a`, { data: { a: 'b' } })
const left = await send('PATCH', `${configMaps}/a`, { metadata: { labels: { go: 'no' } } })
await send('PATCH', `${configMaps}/a`, { data: { a: 'c' } })
const back = await send('PATCH', `${configMaps}/a`, { metadata: { labels: { go: 'yes' } } })
await send('DELETE', `${configMaps}/a`)
const podSpec = { containers: [{ name: 'c', image: 'i' }] }
await send('POST', pods, { metadata: { name: 'p' }, spec: podSpec })
await send('POST', `${pods}/p/binding`, { metadata: { name: 'p' }, target: { kind: 'Node', name: 'one' } })

for (const [name, watch] of Object.entries(transports)) {
  test(`a watch over ${name} tells of what enters and leaves its label selector`, async () => {
    const query = `?watch=true&timeoutSeconds=1&labelSelector=go%3Dyes&resourceVersion=${since.resourceVersion}`
    const events = await told(watch, configMaps + query)
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ADDED', 'MODIFIED', 'DELETED', 'ADDED', 'DELETED'],
    )
    const versions = events.map(({ object }) => object.metadata.resourceVersion)
    const expected = [entered, changed, left, back].map(({ metadata }) => metadata.resourceVersion)
    assert.deepEqual(versions.slice(0, 4), expected)
    // What has left is told as it was before, of the version in which it left.
    for (const { object } of events) assert.equal(object.metadata.labels?.['go'], 'yes')
  })

  test(`a watch over ${name} tells of what enters and leaves its field selector`, async () => {
    const query = `?watch=true&timeoutSeconds=1&resourceVersion=${since.resourceVersion}&fieldSelector=spec.nodeName`
    const [unbound, bound] = await Promise.all(
      ['%3D', '%3Done'].map((selector) => told(watch, `${pods}${query}${selector}`)),
    )
    assert.deepEqual(
      unbound!.map(({ type, object }) => [type, object.spec?.nodeName]),
      [
        ['ADDED', undefined],
        ['DELETED', undefined],
      ],
    )
    assert.deepEqual(
      bound!.map(({ type, object }) => [type, object.spec?.nodeName]),
      [['ADDED', 'one']],
    )
  })
}
