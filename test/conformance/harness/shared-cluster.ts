import { randomBytes } from 'node:crypto'
import { after, before } from 'node:test'
import { namespaces, serviceAccounts } from '../../../src/api/generated/resources.ts'
import { createHttpClient, type HttpClient } from '../../../src/client/http/http-client.ts'
import { parseKubeconfig } from '../../../src/client/kubeconfig.ts'
import { startCluster, type TestCluster, type TestClusterOptions } from '../../../src/cluster/testing.ts'
import { createApi, type Api } from './api.ts'
import { untilObject } from './until-object.ts'

/** What one test works with: a namespace of its own in the cluster that the tests of a suite share. */
export interface Scope {
  readonly namespace: string
  /** The administrator, over HTTPS. */
  readonly client: HttpClient
  /** The administrator's plain requests, for what a client hides. */
  readonly api: Api
  readonly cluster: TestCluster
}

export interface SharedCluster {
  /** A new namespace, ready for pods. */
  scope(): Promise<Scope>
}

/** Starts a cluster before the tests of the suite that calls this, and stops it behind them. */
export function sharedCluster(options: TestClusterOptions = {}): SharedCluster {
  let started: { readonly cluster: TestCluster; readonly client: HttpClient; readonly api: Api } | undefined
  before(async () => {
    const cluster = await startCluster(options)
    const { connection } = parseKubeconfig(cluster.kubeconfig)
    started = { cluster, client: createHttpClient(connection), api: createApi(connection) }
  })
  after(async () => {
    started?.api.close()
    started?.client.close()
    await started?.cluster.stop()
  })
  return {
    async scope() {
      if (!started) throw new Error('the cluster is not up')
      const { client } = started
      const namespace = `test-${randomBytes(4).toString('hex')}`
      await client.create(namespaces, { metadata: { name: namespace } })
      await untilObject(client, serviceAccounts, { namespace, name: 'default' }, () => true)
      return { namespace, ...started }
    },
  }
}
