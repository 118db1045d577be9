import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pod, Volume } from '../../src/api/generated/core.v1.ts'
import { withoutContainers } from './harness/machine.ts'
import { aPod, shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

type Source = Omit<Volume, 'name'>
type Kind = 'ConfigMap' | 'Secret'

const anObject = (kind: Kind, name: string, data: Readonly<Record<string, string>>) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name },
  ...(kind === 'Secret' ? { stringData: data } : { data }),
})

const optional = true
const sources = {
  'a config map': {
    kind: 'ConfigMap',
    volume: (name: string): Source => ({ configMap: { name, optional } }),
  },
  'a secret': {
    kind: 'Secret',
    volume: (secretName: string): Source => ({ secret: { secretName, optional } }),
  },
  'a projected config map': {
    kind: 'ConfigMap',
    volume: (name: string): Source => ({ projected: { sources: [{ configMap: { name, optional } }] } }),
  },
  'a projected secret': {
    kind: 'Secret',
    volume: (name: string): Source => ({ projected: { sources: [{ secret: { name, optional } }] } }),
  },
} as const

const labels = [{ path: 'file', fieldRef: { fieldPath: 'metadata.labels' } }]
const annotations = [{ path: 'file', fieldRef: { fieldPath: 'metadata.annotations' } }]
const downward = {
  'labels by the downward API': ['label', { downwardAPI: { items: labels } }],
  'annotations by the downward API': ['annotate', { downwardAPI: { items: annotations } }],
  'labels by a projected downward API': [
    'label',
    { projected: { sources: [{ downwardAPI: { items: labels } }] } },
  ],
  'annotations by a projected downward API': [
    'annotate',
    { projected: { sources: [{ downwardAPI: { items: annotations } }] } },
  ],
} as const

describe('what is mounted follows', { skip: withoutContainers, concurrency: 4 }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('updates')
    await cluster.up()
    await cluster.loadTestImage()
  })
  after(() => cluster.delete())

  /** Runs a pod with a volume for each source, mounted at `/volumes/<name>`. */
  async function runPod(name: string, volumes: Readonly<Record<string, Source>>, pod: Partial<Pod> = {}) {
    const names = Object.keys(volumes)
    const container = shell(sleepScript, {
      volumeMounts: names.map((volume) => ({ name: volume, mountPath: `/volumes/${volume}` })),
    })
    const spec = { volumes: names.map((volume) => ({ name: volume, ...volumes[volume] })) }
    const made = aPod(name, container, spec)
    await cluster.kubectl.apply({ ...made, metadata: { ...made.metadata, ...pod.metadata } })
    await cluster.kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--timeout=60s'])
  }
  const read = async (pod: string, path: string) =>
    (await cluster.kubectl.result(['exec', pod, '--', 'cat', `/volumes/${path}`])).stdout
  const shows = (pod: string, path: string, expected: string) =>
    until(`${path} holds ${expected}`, async () => (await read(pod, path)) === expected, 60_000)

  for (const [what, { kind, volume }] of Object.entries(sources)) {
    const name = what.replaceAll(' ', '-')
    it(`${what}: its change, its deletion and its coming`, async () => {
      const object = (part: string, data: Readonly<Record<string, string>>) =>
        anObject(kind, `${name}-${part}`, data)
      await cluster.kubectl.apply(object('deleted', { file: 'there' }), object('changed', { file: 'old' }))
      await runPod(name, {
        deleted: volume(`${name}-deleted`),
        changed: volume(`${name}-changed`),
        created: volume(`${name}-created`),
      })
      assert.equal(await read(name, 'deleted/file'), 'there')
      assert.equal(await read(name, 'changed/file'), 'old')
      assert.equal(await read(name, 'created/file'), '')
      await cluster.kubectl(['delete', kind, `${name}-deleted`])
      await cluster.kubectl.apply(object('changed', { file: 'new' }), object('created', { file: 'come' }))
      await shows(name, 'changed/file', 'new')
      await shows(name, 'created/file', 'come')
      await shows(name, 'deleted/file', '')
    })
  }

  for (const [what, [verb, source]] of Object.entries(downward)) {
    it(what, async () => {
      const name = what.replaceAll(' ', '-').toLowerCase()
      const first = { colour: 'blue' }
      await runPod(name, { fields: source }, { metadata: { labels: first, annotations: first } })
      assert.match(await read(name, 'fields/file'), /colour="blue"/)
      await cluster.kubectl([verb, 'pod', name, '--overwrite', 'colour=green'])
      await until('it is green', async () => /colour="green"/.test(await read(name, 'fields/file')), 60_000)
    })
  }

  it('a secret of its own namespace, whatever others of its name hold', async () => {
    await cluster.kubectl(['create', 'namespace', 'other'])
    const secret = anObject('Secret', 'same', { file: 'mine' })
    const theirs = anObject('Secret', 'same', { file: 'theirs' })
    await cluster.kubectl.apply(secret, { ...theirs, metadata: { ...theirs.metadata, namespace: 'other' } })
    await runPod('namespaced', { secret: { secret: { secretName: 'same' } } })
    assert.equal(await read('namespaced', 'secret/file'), 'mine')
  })

  it('fifty config maps in each of five pods', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `many-${index}`)
    await cluster.kubectl.apply(...names.map((name) => anObject('ConfigMap', name, { file: name })))
    const volumes = Object.fromEntries(names.map((name) => [name, { configMap: { name } }]))
    const pods = Array.from({ length: 5 }, (_, index) => `with-many-${index}`)
    await Promise.all(pods.map((pod) => runPod(pod, volumes)))
    for (const pod of pods) {
      const { stdout } = await cluster.kubectl.result(['exec', pod, '--', 'sh', '-c', 'cat /volumes/*/file'])
      assert.equal(stdout, names.toSorted().join(''))
    }
  })
})
