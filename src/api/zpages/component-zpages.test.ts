import assert from 'node:assert/strict'
import { test } from 'node:test'
import { yaml } from '../../machinery/yaml.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { builtVersion, runtimeVersion } from '../kubernetes-version.ts'
import { componentZPages } from './component-zpages.ts'

const warning =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.'
const clock = fakeClock()

function pages(seed = 1) {
  return componentZPages({
    component: 'kube-test',
    paths: () => ['/healthz/ping', '/healthz', '/apis/apps', '/api', '/', '/metrics', '/.well-known/x'],
    flags: () => ({ v: '2', 'bind-address': '0.0.0.0', 'etcd-servers': '[https://root:secret@etcd:2379]' }),
    clock,
    random: seededRandom(seed),
  })
}

const wanting = (kind: string, version: string, type = 'application/json') =>
  `${type};v=${version};g=config.k8s.io;as=${kind}`

test('componentZPages answers as the Accept header asks', () => {
  const rows: readonly (readonly [accept: string | undefined, status: number, type: string])[] = [
    [undefined, 200, 'text/plain; charset=utf-8'],
    [' ', 200, 'text/plain; charset=utf-8'],
    ['*/*', 200, 'text/plain; charset=utf-8'],
    ['application/json, */*', 200, 'text/plain; charset=utf-8'],
    ['text/*', 200, 'text/plain; charset=utf-8'],
    ['application/json', 406, 'application/json'],
    ['application/yaml', 406, 'application/yaml'],
    ['text/html', 406, 'application/json'],
    [wanting('Statusz', 'v1beta1', 'text/plain'), 406, 'application/json'],
    [wanting('Statusz', 'v1beta1', 'application/cbor'), 406, 'application/json'],
    [wanting('Statusz', 'v1beta1', 'application/vnd.kubernetes.protobuf'), 406, 'application/json'],
    [wanting('Flagz', 'v1beta1'), 406, 'application/json'],
    [wanting('Statusz', 'v1'), 406, 'application/json'],
    [wanting('Statusz', 'v1alpha1'), 200, 'application/json'],
    [wanting('Statusz', 'v1beta1'), 200, 'application/json'],
    [wanting('Statusz', 'v1beta1', 'application/yaml'), 200, 'application/yaml'],
    [`text/html,${wanting('Statusz', 'v1beta1')};q=0.5,text/plain;q=0.1`, 200, 'application/json'],
  ]
  for (const [accept, status, type] of rows) {
    const answer = pages().answer('/statusz', { accept })
    assert.deepEqual([answer?.status, answer?.headers['content-type']], [status, type], `Accept: ${accept}`)
  }
  const refused = JSON.parse(pages().answer('/flagz', { accept: 'application/json' })!.body)
  assert.deepEqual(refused, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'only the following media types are accepted: application/json, application/yaml, text/plain',
    reason: 'NotAcceptable',
    code: 406,
  })
  assert.equal(pages().answer('/statusz/', {}), undefined)
})

test('componentZPages tells in /statusz what the component is and where more is to be read', () => {
  const { body } = pages().answer('/statusz', {})!
  const text = new RegExp(
    `^\\nkube-test statusz\\n${warning.replaceAll('.', '\\.')}\\n\\n` +
      'Started(:|: |=| ) \\w{3} \\w{3} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d UTC \\d{4}\\nUp\\1 \\d+ hr \\d\\d min \\d\\d sec\\n' +
      'Go version\\1 node.*\\nBinary version\\1 1\\.36.*\\nEmulation version\\1 1\\.36\\n' +
      'Paths\\1 /flagz /healthz /metrics\\n$',
  )
  assert.match(body, text)
  const answer = pages().answer('/statusz', { accept: wanting('Statusz', 'v1beta1') })!
  const { startTime, uptimeSeconds, ...rest } = JSON.parse(answer.body)
  assert.equal(clock.now() - Date.parse(startTime), uptimeSeconds * 1000)
  assert.deepEqual(rest, {
    kind: 'Statusz',
    apiVersion: 'config.k8s.io/v1beta1',
    metadata: { name: 'kube-test' },
    goVersion: runtimeVersion,
    binaryVersion: builtVersion.slice(1),
    emulationVersion: '1.36',
    paths: ['/flagz', '/healthz', '/metrics'],
  })
  assert.equal(answer.headers['warning'], undefined)
})

test('componentZPages tells in /flagz what is in effect, without passwords', () => {
  const flags = { 'bind-address': '0.0.0.0', 'etcd-servers': '[https://CLASSIFIED@etcd:2379]', v: '2' }
  const own = pages()
  const { body } = own.answer('/flagz', {})!
  assert.match(
    body,
    /^\nkube-test flagz\nWarning: .*\nbind-address(?<is>:|: |=| )0\.0\.0\.0\netcd-servers\k<is>.*\nv\k<is>2\n$/,
  )
  assert.equal(own.answer('/flagz?x', {})?.body, body)
  const answer = own.answer('/flagz', { accept: wanting('Flagz', 'v1alpha1', 'application/yaml') })!
  assert.deepEqual(yaml().load(answer.body), {
    kind: 'Flagz',
    apiVersion: 'config.k8s.io/v1alpha1',
    metadata: { name: 'kube-test' },
    flags,
  })
  assert.equal(
    answer.headers['warning'],
    '299 - "This version of the flagz endpoint is deprecated. Please use a newer version."',
  )
})

test('componentZPages separates names from values by chance', () => {
  const bodies = Array.from({ length: 40 }, (_, seed) => pages(seed).answer('/flagz', {})!.body)
  assert.equal(new Set(bodies).size, 4)
})
