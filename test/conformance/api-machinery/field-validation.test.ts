import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sharedCluster } from '../harness/shared-cluster.ts'

/** Text, since JSON.stringify writes no field twice. */
function deploymentText(metadata: string, spec: string): string {
  const labels = '"labels":{"app":"nginx"}'
  return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"my-dep",${metadata}${labels}},
    "spec":{${spec}"selector":{"matchLabels":{"app":"nginx"}},"template":{"metadata":{${labels}},
    "spec":{"containers":[{"name":"nginx","image":"nginx:latest"}]}}}}`
}

const twice = deploymentText('', '"unknownField":"foo","replicas":2,"replicas":3,')

describe('field validation', { concurrency: true }, () => {
  const cluster = sharedCluster()
  const create = async (body: string, fieldValidation: string) => {
    const { api, namespace } = await cluster.scope()
    return api('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, {
      query: { fieldManager: 'field_validation_mgr', fieldValidation },
      body,
    })
  }

  it('refuses fields that are unknown or given twice', async () => {
    const answer = await create(twice, 'Strict')
    assert.equal(answer.status, 400)
    assert.match(
      answer.json.message,
      /strict decoding error: unknown field "spec\.unknownField", duplicate field "spec\.replicas"$/,
    )
  })

  it('refuses unknown fields of metadata', async () => {
    const answer = await create(deploymentText('"unknownMeta":"foo",', ''), 'Strict')
    assert.equal(answer.status, 400)
    assert.match(answer.json.message, /strict decoding error: unknown field "metadata\.unknownMeta"$/)
  })

  it('only warns of them, or says nothing, when asked so', async () => {
    const warned = await create(twice, 'Warn')
    assert.equal(warned.status, 201)
    assert.match(String(warned.headers['warning']), /unknown field \\?"spec\.unknownField\\?"/)
    const silent = await create(twice, 'Ignore')
    assert.equal(silent.status, 201)
    assert.equal(silent.headers['warning'], undefined)
  })
})
