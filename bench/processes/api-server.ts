/**
 * An API server with an embedded store and nothing else, in a process of its own so that what it uses can be told from
 * what its clients use: `api-server.ts FOLDER`. Answers the messages of api-server-message.ts.
 */
import { builtInDefinitions } from '../../src/api/registry.ts'
import { startApiServer } from '../../src/apiserver/api-server.ts'
import { collectAtRest } from '../../src/cluster/collect-at-rest.ts'
import { clusterSecurity } from '../../src/cluster/cluster-security.ts'
import { inProcessClient } from '../../src/cluster/in-process-client.ts'
import { adminIdentity, apiServerNames, ensureClusterPki } from '../../src/cluster/pki/cluster-pki.ts'
import { memoryPemStore } from '../../src/cluster/pki/pem-store.ts'
import { systemClock as clock } from '../../src/machinery/clock.ts'
import { silentLogger as log } from '../../src/machinery/log.ts'
import { systemRandom as random } from '../../src/machinery/random.ts'
import { openStore } from '../../src/store/open.ts'
import { prepareDeletion, prepareLoad, runLoad } from '../load.ts'
import type { ApiServerAnswer, ApiServerQuestion } from './api-server-message.ts'

const directory = process.argv[2]
if (directory === undefined) throw new Error('usage: api-server.ts FOLDER')

const pki = ensureClusterPki(memoryPemStore(), apiServerNames('10.96.0.1', [], ''), clock.now())
const store = await openStore({ type: 'embedded', directory }, { clock, log })
const server = await startApiServer({
  store,
  definitions: builtInDefinitions,
  security: clusterSecurity({ pki, server: 'https://127.0.0.1', clock, random, log }),
  tls: { certificate: pki.apiServer.certificatePem, key: pki.apiServer.privateKeyPem },
  clientCertificateAuthority: pki.authority.certificatePem,
  address: '127.0.0.1',
  port: 0,
  serviceCidrs: ['10.96.0.0/16'],
  clock,
  random,
  log,
})
const administrator = { name: adminIdentity.user, groups: [...adminIdentity.groups, 'system:authenticated'] }
const client = inProcessClient(server, administrator)
collectAtRest(clock)
await prepareLoad(client)

function answer(message: ApiServerAnswer): void {
  process.send?.(message)
}

/** Of all threads, in microseconds. */
function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

process.on('message', (question: ApiServerQuestion) => {
  switch (question.type) {
    case 'usage':
      answer({ type: 'usage', cpuMicroseconds: cpuMicroseconds(), residentBytes: process.memoryUsage.rss() })
      return
    case 'load':
      void loadHere(question).then(answer)
      return
    case 'stop':
      void server
        .stop()
        .then(() => store.close())
        .then(() => process.disconnect?.())
  }
})

async function loadHere({ options }: ApiServerQuestion & { type: 'load' }): Promise<ApiServerAnswer> {
  await prepareDeletion(client, options)
  const before = cpuMicroseconds()
  const result = await runLoad(client, options)
  return { type: 'load', result, cpuMicroseconds: cpuMicroseconds() - before }
}

const certificate = pki.client(adminIdentity)
answer({
  type: 'ready',
  connection: {
    server: `https://127.0.0.1:${server.port}`,
    caData: pki.authority.certificatePem,
    certData: certificate.certificatePem,
    keyData: certificate.privateKeyPem,
  },
})
