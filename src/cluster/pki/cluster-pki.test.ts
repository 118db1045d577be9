import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { load } from 'js-yaml'
import { adminIdentity, apiServerNames, ensureClusterPki, nodeIdentity } from './cluster-pki.ts'
import { kubeconfig } from './kubeconfig.ts'
import { mergeKubeconfig, unmergeKubeconfig } from './merge-kubeconfig.ts'
import { memoryPemStore } from './pem-store.ts'

const now = Date.UTC(2026, 0, 1)
const dayMs = 86_400_000
const names = apiServerNames('10.96.0.1', ['192.0.2.2'], 'Machine_1')

describe('ensureClusterPki', () => {
  it('is the same the second time', () => {
    const store = memoryPemStore()
    const [first, second] = [ensureClusterPki(store, names, now), ensureClusterPki(store, names, now)]
    assert.equal(first.apiServer.certificatePem, second.apiServer.certificatePem)
    assert.equal(first.serviceAccount.privateKeyPem, second.serviceAccount.privateKeyPem)
    assert.deepEqual(first.client(adminIdentity), second.client(adminIdentity))
  })

  it('makes the server certificate anew, by the same authority, for an address it does not have', () => {
    const store = memoryPemStore()
    const first = ensureClusterPki(store, names, now)
    const second = ensureClusterPki(store, apiServerNames('10.96.0.1', ['192.0.2.3'], ''), now)
    assert.equal(first.authority.certificatePem, second.authority.certificatePem)
    const certificate = new X509Certificate(second.apiServer.certificatePem)
    assert.equal(certificate.checkIP('192.0.2.3'), '192.0.2.3')
    assert.ok(certificate.verify(first.authority.certificate.publicKey))
  })

  it('makes what is about to expire anew', () => {
    const store = memoryPemStore()
    const first = ensureClusterPki(store, names, now).client(adminIdentity)
    const second = ensureClusterPki(store, names, now + 300 * dayMs).client(adminIdentity)
    assert.notEqual(first.certificatePem, second.certificatePem)
  })

  it('leaves out a host name that DNS would not take', () => {
    assert.ok(!names.dnsNames.includes('machine_1'))
  })

  it('names a node as the node authorizer expects', () => {
    const { certificatePem } = ensureClusterPki(memoryPemStore(), names, now).client(nodeIdentity('node1'))
    assert.equal(new X509Certificate(certificatePem).subject, 'O=system:nodes\nCN=system:node:node1')
  })
})

function content() {
  const pki = ensureClusterPki(memoryPemStore(), names, now)
  return {
    cluster: 'k8ts',
    user: 'admin',
    server: 'https://127.0.0.1:6443',
    authorityPem: pki.authority.certificatePem,
    certificate: pki.client(adminIdentity),
  }
}

describe('kubeconfig', () => {
  it('is YAML with one context', () => {
    const config = load(kubeconfig(content())) as { contexts: unknown; 'current-context': string }
    assert.equal(config['current-context'], 'admin@k8ts')
    assert.deepEqual(config.contexts, [
      { name: 'admin@k8ts', context: { cluster: 'k8ts', user: 'admin@k8ts' } },
    ])
  })
})

describe('mergeKubeconfig', () => {
  function existing(t: TestContext): string {
    const folder = mkdtempSync(join(tmpdir(), 'k8ts-kubeconfig-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'config')
    writeFileSync(
      file,
      'apiVersion: v1\nkind: Config\nclusters: [{name: other, cluster: {}}]\ncontexts: null\ncurrent-context: other\n',
    )
    return file
  }
  const read = (file: string) =>
    load(readFileSync(file, 'utf8')) as { clusters: { name: string }[]; 'current-context': string }

  it('keeps what is there, and adds the cluster once', (t) => {
    const file = existing(t)
    mergeKubeconfig(file, content())
    mergeKubeconfig(file, content())
    assert.deepEqual(
      read(file).clusters.map(({ name }) => name),
      ['other', 'k8ts'],
    )
    assert.equal(read(file)['current-context'], 'admin@k8ts')
  })

  it('is undone by unmergeKubeconfig', (t) => {
    const file = existing(t)
    mergeKubeconfig(file, content())
    unmergeKubeconfig(file, { cluster: 'k8ts', user: 'admin' })
    assert.deepEqual(
      read(file).clusters.map(({ name }) => name),
      ['other'],
    )
    assert.equal(read(file)['current-context'], '')
  })
})
