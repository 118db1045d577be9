import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { inClusterConnection, loadKubeconfig, parseKubeconfig } from './kubeconfig.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')

const config = `
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: c1
  cluster:
    server: https://example.com:6443
    certificate-authority-data: ${base64('CA')}
    tls-server-name: kubernetes
- name: c2
  cluster: {server: "http://localhost:8080", insecure-skip-tls-verify: true, certificate-authority: ca.pem}
users:
- name: u1
  user: {client-certificate-data: ${base64('CERT')}, client-key-data: ${base64('KEY')}}
- name: u2
  user: {tokenFile: token, token: old, as: jane, as-groups: [dev], as-uid: "7", as-user-extra: {k: [v]}}
- name: basic
  user: {username: admin, password: secret}
contexts:
- name: prod
  context: {cluster: c1, user: u1, namespace: shop}
- name: dev
  context: {cluster: c2, user: u2}
- name: old
  context: {cluster: c1, user: basic}
- name: broken
  context: {cluster: nowhere, user: u1}
`

void describe('parseKubeconfig', () => {
  void it('reads the current context', () => {
    assert.deepEqual(parseKubeconfig(config), {
      connection: {
        server: 'https://example.com:6443',
        caData: 'CA',
        tlsServerName: 'kubernetes',
        certData: 'CERT',
        keyData: 'KEY',
      },
      namespace: 'shop',
    })
  })

  void it('reads another context, with paths relative to the file', () => {
    assert.deepEqual(parseKubeconfig(config, { context: 'dev', directory: '/etc/k8s' }), {
      connection: {
        server: 'http://localhost:8080',
        caFile: '/etc/k8s/ca.pem',
        insecureSkipTlsVerify: true,
        tokenFile: '/etc/k8s/token',
        impersonate: { user: 'jane', uid: '7', groups: ['dev'], extra: { k: ['v'] } },
      },
      namespace: 'default',
    })
  })

  const refused = [
    ['none', /context "none" does not exist/],
    ['broken', /cluster "nowhere" of context "broken" does not exist/],
    ['old', /not supported/],
  ] as const
  for (const [context, message] of refused) {
    void it(`refuses context ${context}`, () => {
      assert.throws(() => parseKubeconfig(config, { context }), message)
    })
  }

  void it('asks the credential plugin, and again when its token has expired', async () => {
    const clock = fakeClock()
    const script = `printf '{"status":{"token":"%s","expirationTimestamp":"2026-01-01T00:01:00Z"}}' "$NAME-$1"`
    const text = `
clusters: [{name: c, cluster: {server: "https://s"}}]
users: [{name: u, user: {exec: {command: /bin/sh, args: ["-c", ${JSON.stringify(script)}, sh, x], env: [{name: NAME, value: t}]}}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`
    const { token } = parseKubeconfig(text, { clock }).connection
    assert.ok(typeof token === 'function')
    assert.equal(await token(), 't-x')
    await clock.advance(60_000)
    assert.equal(await token(), 't-x')
  })
})

void describe('loadKubeconfig', () => {
  void it('merges files: the first that has a name or setting counts', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'k8ts-kubeconfig-'))
    try {
      const [first, second] = [join(directory, 'first'), join(directory, 'second')]
      await writeFile(
        first,
        'current-context: dev\nclusters: [{name: c2, cluster: {server: "https://first"}}]\n',
      )
      await writeFile(second, config)
      const env = { KUBECONFIG: `${first}:${join(directory, 'absent')}:${second}` }
      const { connection } = await loadKubeconfig({ env })
      assert.equal(connection.server, 'https://first')
      assert.equal(connection.tokenFile, join(directory, 'token'))
      await assert.rejects(loadKubeconfig({ paths: [join(directory, 'absent')] }), /no kubeconfig at/)
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

void describe('inClusterConnection', () => {
  void it('reads the environment of a pod', () => {
    const env = { KUBERNETES_SERVICE_HOST: '::1', KUBERNETES_SERVICE_PORT: '443' }
    assert.deepEqual(inClusterConnection(env, '/sa'), {
      server: 'https://[::1]:443',
      caFile: '/sa/ca.crt',
      tokenFile: '/sa/token',
    })
    assert.equal(inClusterConnection({}), undefined)
  })
})
