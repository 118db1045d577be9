import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Job, JobSpec } from '../../../src/api/generated/batch.v1.ts'
import type { Pod, PodTemplateSpec } from '../../../src/api/generated/core.v1.ts'
import { jobs, pods } from '../../../src/api/generated/resources.ts'
import { aTemplate, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilGone, untilList, untilObject } from '../harness/until-object.ts'

const running = aTemplate('job', { restartPolicy: 'Never' })
const succeeding: PodTemplateSpec = {
  spec: { restartPolicy: 'Never', containers: [{ ...server, command: ['true'] }] },
}

function create({ client, namespace }: Scope, spec: Partial<JobSpec> = {}): Promise<Job> {
  return client.create(jobs, { metadata: { namespace, name: 'job' }, spec: { template: running, ...spec } })
}

const untilJob = ({ client, namespace }: Scope, accept: (job: Job) => boolean) =>
  untilObject(client, jobs, { namespace, name: 'job' }, accept)

const isComplete = ({ status }: Job) =>
  status?.conditions?.some(({ type, status }) => type === 'Complete' && status === 'True') === true

const ownerOf = ({ metadata }: Pod) => metadata?.ownerReferences?.find(({ controller }) => controller)?.uid

describe('jobs', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 2 })

  it('run as many pods as completions are asked for', async () => {
    const scope = await cluster.scope()
    await create(scope, { parallelism: 2, completions: 4, template: succeeding })
    const done = await untilJob(scope, isComplete)
    assert.equal(done.status?.succeeded, 4)
    assert.ok(done.status?.completionTime)
  })

  it('give the pods of indexed jobs each its index, once', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await create(scope, { completionMode: 'Indexed', parallelism: 2, completions: 4, template: succeeding })
    const done = await untilJob(scope, isComplete)
    assert.equal(done.status?.completedIndexes, '0-3')
    const { items } = await client.list(pods, { namespace })
    const indexKey = 'batch.kubernetes.io/job-completion-index'
    const found = items.map(({ metadata, spec }) => {
      const index = metadata?.annotations?.[indexKey]
      assert.equal(spec?.hostname, `job-${index}`)
      assert.equal(metadata?.labels?.[indexKey], index)
      const variable = spec.containers[0]?.env?.find(({ name }) => name === 'JOB_COMPLETION_INDEX')
      assert.equal(variable?.valueFrom?.fieldRef?.fieldPath, `metadata.labels['${indexKey}']`)
      return index
    })
    assert.deepEqual(new Set(found), new Set(['0', '1', '2', '3']))
  })

  it('take up pods that match and are nobody’s, and let go of those that no longer match', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const { metadata } = await create(scope, { parallelism: 2, completions: 2 })
    const [pod] = await untilList(client, pods, { namespace }, (items) => items.length === 2)
    const name = { namespace, name: pod!.metadata!.name! }
    const patch = (body: object) => client.patch(pods, name, { type: 'merge', body: { metadata: body } })
    await patch({ ownerReferences: null })
    await untilObject(client, pods, name, (found) => ownerOf(found) === metadata?.uid)
    await patch({ labels: null })
    await untilObject(client, pods, name, (found) => ownerOf(found) === undefined)
  })

  it('go with their pods', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await create(scope, { parallelism: 2, completions: 2 })
    await untilList(client, pods, { namespace }, (items) => {
      return items.filter(({ status }) => status?.phase === 'Running').length === 2
    })
    await client.delete(jobs, { namespace, name: 'job' }, { propagationPolicy: 'Foreground' })
    await untilGone(client, jobs, { namespace, name: 'job' })
    assert.deepEqual((await client.list(pods, { namespace })).items, [])
  })

  it('have a status that is read, patched and updated on its own', async () => {
    const scope = await cluster.scope()
    const { client, api, namespace } = scope
    const name = { namespace, name: 'job' }
    await create(scope, { parallelism: 2, completions: 4, backoffLimit: 6 })
    await untilJob(scope, ({ status }) => status?.active === 2)
    const time = '2026-01-01T00:00:00Z'
    const condition = {
      type: 'CustomConditionType',
      status: 'True',
      reason: 'Test',
      message: 'Set by a test',
      lastTransitionTime: time,
    } as const
    const patch = {
      type: 'merge',
      body: { metadata: { annotations: { patchedstatus: 'true' } }, status: { conditions: [condition] } },
    } as const
    const patched = await client.patch(jobs, name, patch, { subresource: 'status' })
    assert.equal(patched.metadata?.annotations?.['patchedstatus'], 'true')
    assert.ok(patched.status?.conditions?.some(({ type }) => type === 'CustomConditionType'))
    const path = `/apis/batch/v1/namespaces/${namespace}/jobs/job/status`
    const read = (await api('GET', path)).json
    assert.equal(read.metadata.uid, patched.metadata?.uid)
    const changed = await client.update(
      jobs,
      { ...patched, status: { ...patched.status, conditions: [{ ...condition, message: 'Changed' }] } },
      { subresource: 'status' },
    )
    assert.equal(changed.status?.conditions?.[0]?.message, 'Changed')
  })

  it('live from suspension to deletion as clients write them', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'job' }
    await create(scope, { suspend: true, parallelism: 2, completions: 4 })
    const labels = { 'e2e-job-label': namespace }
    const patched = await client.patch(jobs, name, { type: 'strategic', body: { metadata: { labels } } })
    assert.equal(patched.metadata?.labels?.['e2e-job-label'], namespace)
    await untilJob(
      scope,
      ({ status }) => status?.conditions?.some(({ type }) => type === 'Suspended') === true,
    )
    const resume = async (): Promise<Job> => {
      const read = await client.get(jobs, name)
      const annotations = { ...read.metadata?.annotations, updated: 'true' }
      const spec = { ...read.spec!, suspend: false }
      return client.update(jobs, { ...read, metadata: { ...read.metadata, annotations }, spec })
    }
    const updated = await resume()
    assert.equal(updated.metadata?.annotations?.['updated'], 'true')
    await untilJob(scope, ({ status }) => status?.active === 2)
    const all = await client.list(jobs, { labelSelector: `e2e-job-label=${namespace}` })
    assert.equal(all.items.length, 1)
    await client.deleteCollection(jobs, {
      namespace,
      labelSelector: `e2e-job-label=${namespace}`,
      propagationPolicy: 'Foreground',
    })
    await untilGone(client, jobs, name)
  })
})
