import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { it } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import { testContext } from '../../client/testing/test-context.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import type { ServerContext } from './server-context.ts'
import { startKubeletServer } from './kubelet-server.ts'

const now = Date.now()
const authority = createCertificateAuthority({ commonName: 'ca', now })
const issue = (commonName: string, usage: 'server auth' | 'client auth') =>
  issueCertificate(authority, { commonName, names: { ipAddresses: ['127.0.0.1'] }, usages: [usage], now })

it('the kubelet server shows another certificate from when it is told to, and still asks clients for theirs', async () => {
  const { client, clock, log, metrics } = testContext()
  const context = {
    client,
    clock,
    log,
    metrics,
    nodeName: 'a',
    started: Promise.resolve(),
    health: () => undefined,
  }
  const [first, second] = [issue('first', 'server auth'), issue('second', 'server auth')]
  const show = ({ certificatePem, privateKeyPem }: typeof first) => ({
    certificate: certificatePem,
    privateKey: privateKeyPem,
  })
  const server = await startKubeletServer(
    context as unknown as ServerContext,
    {
      ...show(first),
      clientCA: authority.certificatePem,
      address: '127.0.0.1',
      port: 0,
      authorize: false,
      authenticateTokens: false,
    },
    '/nonexistent',
  )
  const ask = async (options: ConnectionOptions = {}) => {
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: authority.certificatePem, ...options })
    await once(socket, 'secureConnect')
    const { subject } = new X509Certificate(socket.getPeerCertificate().raw)
    socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    return [subject, answer.split(' ')[1]]
  }
  const user = issue('user', 'client auth')
  const own = { cert: user.certificatePem, key: user.privateKeyPem }
  assert.deepEqual(await ask(own), ['CN=first', '200'])
  server.present(show(second))
  assert.deepEqual(await ask(own), ['CN=second', '200'])
  assert.deepEqual(await ask(), ['CN=second', '401'])
  await server.stop()
})
