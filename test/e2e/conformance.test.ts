import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { namespaces, pods, serviceAccounts } from '../../src/api/generated/resources.ts'
import { createHttpClient, type HttpClient } from '../../src/client/http/http-client.ts'
import { loadKubeconfig, type ConnectionOptions } from '../../src/client/kubeconfig.ts'
import { busyboxImage, findStaticBusybox } from '../../src/cluster/images/busybox-image.ts'
import { untilObject } from '../conformance/harness/until-object.ts'
import { entryImage, nodeRows } from './conformance/node-rows.ts'
import { lifecycleRows } from './conformance/lifecycle-rows.ts'
import { lifecycleScenarios, type Scenario } from './conformance/lifecycle-scenarios.ts'
import { podOf, type PodRow } from './conformance/pod-row.ts'
import { storageRows } from './conformance/storage-rows.ts'
import { withoutContainers } from './harness/machine.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'

/** Pods that run at the same time: more only wait for the machine. */
const atOnce = 6

describe('a pod has', { skip: withoutContainers, concurrency: atOnce }, () => {
  let cluster: TestCluster
  let connection: ConnectionOptions
  let client: HttpClient
  before(async () => {
    cluster = aCluster('conformance')
    await cluster.up()
    await cluster.loadTestImage()
    await loadEntryImage(cluster)
    ;({ connection } = await loadKubeconfig({ paths: [cluster.kubeconfig] }))
    client = createHttpClient(connection)
  })
  after(async () => {
    client.close()
    await cluster.delete()
  })

  for (const row of [...nodeRows, ...lifecycleRows, ...storageRows]) it(row.title, () => check(row))
  for (const scenario of lifecycleScenarios) it(scenario.title, () => play(scenario))

  async function newNamespace(): Promise<string> {
    const namespace = `test-${randomBytes(4).toString('hex')}`
    await client.create(namespaces, { metadata: { name: namespace } })
    await untilObject(client, serviceAccounts, { namespace, name: 'default' }, () => true)
    return namespace
  }

  async function play(scenario: Scenario): Promise<void> {
    const namespace = await newNamespace()
    await scenario.run({ client, connection, namespace })
    await client.delete(namespaces, { name: namespace })
  }

  async function check(row: PodRow): Promise<void> {
    const namespace = await newNamespace()
    if (row.objects?.length) {
      await cluster.kubectl(['create', '-n', namespace, '-f', '-'], {
        stdin: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: row.objects }),
      })
    }
    const { phase = 'Succeeded' } = row
    await client.create(pods, podOf(row, namespace))
    const pod = await untilObject(client, pods, { namespace, name: 'pod' }, ({ status }) => {
      return status?.phase === 'Succeeded' || status?.phase === 'Failed'
    })
    const log = row.prints && (await client.raw(`/api/v1/namespaces/${namespace}/pods/pod/log`))
    assert.equal(pod.status?.phase, phase, `${log ?? ''} ${JSON.stringify(pod.status)}`)
    const { prints } = row
    if (prints instanceof RegExp) assert.match(log ?? '', prints)
    else if (prints !== undefined) assert.equal(log, typeof prints === 'string' ? prints : prints(pod))
    row.check?.(pod)
    await client.delete(namespaces, { name: namespace })
  }
})

async function loadEntryImage(cluster: TestCluster): Promise<void> {
  const file = join(cluster.folder, 'entry-image.tar')
  const config = { Entrypoint: ['/bin/echo', 'entry'], Cmd: ['default'] }
  writeFileSync(file, busyboxImage(entryImage, findStaticBusybox()!, config))
  const { exitCode, stderr } = await cluster.k8ts('image', 'load', file)
  assert.equal(exitCode, 0, stderr)
}
