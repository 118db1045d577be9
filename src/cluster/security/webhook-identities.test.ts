import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { createServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { WebhookClient } from '../../apiserver/webhook/webhook-client.ts'
import { startWebhookServer } from '../../apiserver/webhook/testing/webhook-server.ts'
import { systemClock } from '../../machinery/clock.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import { loadAdmission } from './load-admission.ts'
import { webhookIdentities } from './webhook-identities.ts'

const resolve = () => {
  throw new Error('no Services here')
}

describe('webhookIdentities', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'k8ts-identities-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  function write(name: string, content: unknown): string {
    const path = join(folder, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  const kubeconfig = (users: Readonly<Record<string, object>>, current?: string) =>
    write('kubeconfig', {
      apiVersion: 'v1',
      kind: 'Config',
      users: Object.entries(users).map(([name, user]) => ({ name, user })),
      ...(current && {
        contexts: [{ name: 'c', context: { user: current } }],
        'current-context': 'c',
      }),
    })

  const everybody = {
    'hooks.example.com:8443': { token: 'exact' },
    'hooks.example.com': { token: 'usual-port' },
    '*.example.com:8443': { token: 'domain' },
    '*.prod.svc': { token: 'namespace' },
    '*': { token: 'star' },
  }
  const rows: readonly (readonly [string, string])[] = [
    ['hooks.example.com:8443', 'exact'],
    ['other.example.com:8443', 'domain'],
    ['hooks.example.com:443', 'usual-port'],
    ['hook.prod.svc:443', 'namespace'],
    ['hook.prod.svc:8443', 'star'],
    ['elsewhere:443', 'star'],
  ]
  for (const [target, expected] of rows) {
    it(`calls ${target} as ${expected}`, async () => {
      const identity = await webhookIdentities(kubeconfig(everybody), systemClock)(target)
      assert.equal(identity?.headers?.['authorization'], `Bearer ${expected}`)
    })
  }

  it('goes by the current context where no user is named for a webhook', async () => {
    const me = { username: 'me', password: 'secret', as: 'ann', 'as-groups': ['a', 'b'] }
    const identity = await webhookIdentities(
      kubeconfig({ me, 'a.b': { token: 't' } }, 'me'),
      systemClock,
    )('x:443')
    assert.deepEqual(identity?.headers, {
      authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
      'impersonate-user': 'ann',
      'impersonate-group': ['a', 'b'],
    })
  })

  it('is nobody to others', async () => {
    const identityFor = webhookIdentities(kubeconfig({ 'a.b': { token: 't' } }), systemClock)
    assert.equal(await identityFor('x:443'), undefined)
  })

  it('reads token files anew', async () => {
    const tokenFile = write('token', 'one\n')
    const identityFor = webhookIdentities(kubeconfig({ '*': { tokenFile } }), systemClock)
    assert.equal((await identityFor('x:443'))?.headers?.['authorization'], 'Bearer one')
    write('token', 'two')
    assert.equal((await identityFor('x:443'))?.headers?.['authorization'], 'Bearer two')
  })

  it('comes from the admission configuration, to the webhooks of one plugin', async () => {
    await using hooks = await startWebhookServer()
    const kubeConfigFile = kubeconfig({ [`127.0.0.1:${hooks.port}`]: { token: 'shown' } })
    const kind = { apiVersion: 'apiserver.config.k8s.io/v1' }
    const configuration = { ...kind, kind: 'WebhookAdmissionConfiguration', kubeConfigFile }
    const plugins = [{ name: 'ValidatingAdmissionWebhook', configuration }]
    const configFile = write('admission', { ...kind, kind: 'AdmissionConfiguration', plugins })
    const { webhookIdentities: found } = loadAdmission({ configFile }, systemClock)
    assert.deepEqual(Object.keys(found ?? {}), ['ValidatingAdmissionWebhook'])
    const client = new WebhookClient({ resolve, clock: systemClock })
    const identityFor = found!['ValidatingAdmissionWebhook']!
    await client.call(hooks.target(), {}, { identityFor })
    await client.call(hooks.target(), {})
    client.close()
    assert.deepEqual(
      hooks.calls.map(({ headers }) => headers.authorization),
      ['Bearer shown', undefined],
    )
  })

  it('is refused where its path is not absolute', () => {
    const kind = { apiVersion: 'apiserver.config.k8s.io/v1' }
    const configuration = { ...kind, kind: 'WebhookAdmissionConfiguration', kubeConfigFile: 'here' }
    const plugins = [{ name: 'MutatingAdmissionWebhook', configuration }]
    const configFile = write('admission', { ...kind, kind: 'AdmissionConfiguration', plugins })
    assert.throws(() => loadAdmission({ configFile }, systemClock), {
      message:
        'failed to initialize admission: couldn\'t init admission plugin "MutatingAdmissionWebhook": ' +
        'kubeConfigFile: Invalid value: "here": must be an absolute file path',
    })
  })

  it('shows a certificate', async (t) => {
    const now = systemClock.now()
    const authority = createCertificateAuthority({ commonName: 'both', now })
    const issue = (commonName: string, usage: 'server auth' | 'client auth') =>
      issueCertificate(authority, {
        commonName,
        names: { dnsNames: [], ipAddresses: ['127.0.0.1'] },
        usages: [usage, 'digital signature'],
        now,
      })
    const own = issue('hook', 'server auth')
    const names: unknown[] = []
    const asking = { requestCert: true, rejectUnauthorized: false }
    const server = createServer(
      { cert: own.certificatePem, key: own.privateKeyPem, ca: authority.certificatePem, ...asking },
      (request, response) => {
        names.push((request.socket as TLSSocket).getPeerCertificate().subject?.CN)
        response.setHeader('content-type', 'application/json').end('{}')
      },
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const shown = issue('api-server', 'client auth')
    const base64 = (text: string) => Buffer.from(text).toString('base64')
    const path = kubeconfig({
      '*': {
        'client-certificate-data': base64(shown.certificatePem),
        'client-key-data': base64(shown.privateKeyPem),
      },
    })
    const client = new WebhookClient({ resolve, clock: systemClock })
    t.after(() => client.close())
    const target = { url: `https://127.0.0.1:${port}/`, caBundle: base64(authority.certificatePem) }
    await client.call(target, {})
    await client.call(target, {}, { identityFor: webhookIdentities(path, systemClock) })
    assert.deepEqual(names, [undefined, 'api-server'])
  })
})
