import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { connect } from 'node:tls'
import { systemClock, type Clock } from '../machinery/clock.ts'
import { silentLogger as log } from '../machinery/log.ts'
import { systemRandom } from '../machinery/random.ts'
import { startControlPlane } from './control-plane.ts'
import { adminIdentity, apiServerNames, ensureClusterPki } from './pki/cluster-pki.ts'
import { memoryPemStore } from './pki/pem-store.ts'

const dayMs = 86_400_000

async function shownBy(port: number): Promise<X509Certificate> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { raw } = socket.getPeerCertificate()
  socket.destroy()
  return new X509Certificate(raw)
}

describe('certificates', () => {
  it('are renewed while the control plane runs, and only when their time comes', async () => {
    let passedMs = 0
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + passedMs }
    const names = apiServerNames('10.96.0.1', [], '')
    const pki = ensureClusterPki(memoryPemStore(), names, clock.now())
    const controlPlane = await startControlPlane({
      pki,
      store: { type: 'memory' },
      dataFolder: '',
      bindAddress: '127.0.0.1',
      port: 0,
      advertiseAddress: '127.0.0.1',
      serviceCidr: '10.96.0.0/16',
      podCidr: '10.244.0.0/16',
      nodeCidrMaskSize: 24,
      clock,
      random: systemRandom,
      logs: { apiServer: log, controllerManager: log, scheduler: log },
    })
    try {
      const renew = async (afterDays: number) => {
        passedMs = afterDays * dayMs
        pki.renew(clock.now())
        controlPlane.presentCertificate()
        return shownBy(controlPlane.port)
      }
      const first = await shownBy(controlPlane.port)
      const client = pki.client(adminIdentity)
      assert.equal((await renew(30)).fingerprint256, first.fingerprint256)
      assert.equal(pki.client(adminIdentity).certificatePem, client.certificatePem)

      const second = await renew(300)
      assert.notEqual(second.fingerprint256, first.fingerprint256)
      assert.ok(Date.parse(second.validTo) > Date.parse(first.validTo) + 200 * dayMs)
      assert.ok(second.verify(pki.authority.certificate.publicKey))
      assert.notEqual(pki.client(adminIdentity).certificatePem, client.certificatePem)
    } finally {
      await controlPlane.stop()
    }
  })
})
