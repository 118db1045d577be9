import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:tls'
import { after, before, describe, it } from 'node:test'
import { configMaps, endpoints, endpointSlices } from '../../src/api/generated/resources.ts'
import { parseKubeconfig } from '../../src/client/kubeconfig.ts'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import { isInvalid, isNotFound } from '../../src/machinery/status-errors.ts'
import { rawRequest, type RawAnswer } from './raw-request.ts'

/*
 * Requests that mean harm by how they are written. Each test fails on a server that believes what it reads.
 */

let cluster: TestCluster
let certificate: { readonly cert: string; readonly key: string }
before(async () => {
  cluster = await startCluster()
  const { connection } = parseKubeconfig(cluster.kubeconfig)
  certificate = { cert: connection.certData ?? '', key: connection.keyData ?? '' }
})
after(() => cluster.stop())

/** All that the server says to these bytes, as the administrator, until it closes the connection. */
async function exchange(text: string): Promise<string> {
  const { hostname, port } = new URL(cluster.server)
  const socket = connect({
    host: hostname,
    port: Number(port),
    ca: cluster.certificateAuthority,
    ALPNProtocols: ['http/1.1'],
    ...certificate,
  })
  await once(socket, 'secureConnect')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  socket.end(text)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

describe('request smuggling: one server takes for a body what another takes for a request', () => {
  const hidden = 'DELETE /api/v1/namespaces/default/configmaps/victim HTTP/1.1\r\nHost: a\r\n\r\n'
  const rows: readonly (readonly [what: string, headers: string, body: string])[] = [
    [
      'two ways to tell the length',
      `Content-Length: ${hidden.length + 5}\r\nTransfer-Encoding: chunked`,
      `0\r\n\r\n${hidden}`,
    ],
    ['two lengths', `Content-Length: 0\r\nContent-Length: ${hidden.length}`, hidden],
    ['a length that is a list', `Content-Length: 0, ${hidden.length}`, hidden],
    ['a length with a sign', 'Content-Length: +0', hidden],
    ['a space before the colon', 'Transfer-Encoding : chunked', `0\r\n\r\n${hidden}`],
    ['a coding that nobody knows', 'Transfer-Encoding: xchunked', `0\r\n\r\n${hidden}`],
    ['chunked, and then something else', 'Transfer-Encoding: chunked, identity', `0\r\n\r\n${hidden}`],
    ['a folded header', 'Transfer-Encoding:\r\n chunked\r\nContent-Length: 5', `0\r\n\r\n${hidden}`],
    ['a chunk whose length is no number', 'Transfer-Encoding: chunked', `0x0\r\n\r\n${hidden}`],
    ['a line that ends with half an end', 'X: y\nContent-Length: 0', hidden],
  ]
  for (const [what, headers, body] of rows) {
    it(what, async () => {
      const victim = { namespace: 'default', name: 'victim' }
      await cluster.client.create(configMaps, { metadata: victim }).catch(() => undefined)
      const answer = await exchange(
        `POST /api/v1/namespaces HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${body}`,
      )
      assert.ok(await cluster.client.get(configMaps, victim), answer)
      assert.match(answer, /^HTTP\/1\.1 4/)
      assert.equal(answer.match(/HTTP\/1\.1 \d/g)?.length, 1, answer)
    })
  }
})

async function post(path: string, type: string, text: string, method = 'POST'): Promise<RawAnswer> {
  const { server, certificateAuthority } = cluster
  const headers = [`Content-Type: ${type}`]
  return rawRequest(server, certificateAuthority, { method, path, headers, text, certificate })
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const started = performance.now()
  const outcome = await work
  assert.ok(performance.now() - started < 5_000, 'it took more than 5 s')
  return outcome
}

describe('bodies that cost more than they weigh', () => {
  const path = '/api/v1/namespaces/default/configmaps'
  const levels = Array.from(
    { length: 20 },
    (_, level) => `a${level + 1}: &a${level + 1} [${`*a${level},`.repeat(9)}]`,
  )
  const bombs: readonly (readonly [what: string, type: string, text: string])[] = [
    [
      'CVE-2019-11253: aliases of aliases',
      'application/yaml',
      `apiVersion: v1\nkind: ConfigMap\na0: &a0 [x]\n${levels.join('\n')}\n`,
    ],
    ['CVE-2019-11253: lists in lists, in JSON', 'application/json', '['.repeat(1_000_000)],
    ['CVE-2019-11253: lists in lists, in YAML', 'application/yaml', '['.repeat(1_000_000)],
    ['CVE-2019-11254: blocks in blocks', 'application/yaml', '- '.repeat(500_000)],
    ['CVE-2019-11254: keys of keys', 'application/yaml', '? '.repeat(300_000)],
    ['CVE-2019-11254: a document of anchors', 'application/yaml', '&a '.repeat(300_000)],
  ]
  for (const [what, type, text] of bombs) {
    it(what, async () => {
      const { status } = await inTime(post(path, type, text))
      assert.ok(status >= 400 && status < 500, `answered ${status}`)
    })
  }

  it('an amount of a million zeros', async () => {
    const limits = (text: string) => ({ metadata: { name: 'zeros' }, spec: { hard: { pods: text } } })
    const quotas = '/api/v1/namespaces/default/resourcequotas'
    for (const text of [`1${'0'.repeat(1_000_000)}`, `${'0'.repeat(1_000_000)}x`]) {
      const { status } = await inTime(post(quotas, 'application/json', JSON.stringify(limits(text))))
      assert.equal(status, 400)
    }
  })

  it('CVE-2019-1002100: a patch that copies what it has copied, and one of very many operations', async () => {
    const name = { namespace: 'default', name: 'patched' }
    await cluster.client.create(configMaps, { metadata: name, data: { a: 'x'.repeat(1000) } })
    const copies = Array.from({ length: 40 }, (_, index) => ({
      op: 'copy',
      from: '/data',
      path: `/data/c${index}`,
    }))
    const many = Array.from({ length: 20_000 }, () => ({ op: 'test', path: '/kind', value: 'ConfigMap' }))
    for (const patch of [copies, many]) {
      const text = JSON.stringify(patch)
      const { status } = await inTime(post(`${path}/patched`, 'application/json-patch+json', text, 'PATCH'))
      assert.ok(status === 413 || status === 422, `answered ${status}`)
    }
  })
})

describe('CVE-2021-25737: endpoints that lead into the node, or to the cloud’s metadata', () => {
  const rows: readonly (readonly ['IPv4' | 'IPv6', string])[] = [
    ['IPv4', '127.0.0.1'],
    ['IPv4', '169.254.169.254'],
    ['IPv4', '0.0.0.0'],
    ['IPv4', '224.0.0.1'],
    ['IPv6', '::1'],
    ['IPv6', 'fe80::1'],
    ['IPv6', '::ffff:127.0.0.1'],
    ['IPv6', '::ffff:169.254.169.254'],
  ]
  for (const [addressType, ip] of rows) {
    it(ip, async () => {
      const metadata = { namespace: 'default', name: 'inward' }
      const { client } = cluster
      const slice = { metadata, addressType, endpoints: [{ addresses: [ip] }] }
      await assert.rejects(client.create(endpointSlices, slice), isInvalid)
      await assert.rejects(
        client.create(endpoints, { metadata, subsets: [{ addresses: [{ ip }] }] }),
        isInvalid,
      )
      await assert.rejects(client.get(endpoints, metadata), isNotFound)
    })
  }
})
