import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Deployment, ReplicaSet } from '../../src/api/generated/apps.v1.ts'
import type { Node, Pod } from '../../src/api/generated/core.v1.ts'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { createKubectl, kubectlPrograms, type Kubectl } from './harness/kubectl.ts'
import { until } from './harness/until.ts'

const kinds = ['nodes', 'namespaces', 'pods', 'deployments', 'services', 'events']

/** What is done to workloads and nodes from the command line, with every kubectl of this machine. */
for (const [release, program] of Object.entries(kubectlPrograms())) {
  describe(`the ${release} kubectl`, { concurrency: 4 }, () => {
    let cluster: TestCluster
    let folder: string
    let kubectl: Kubectl
    before(async () => {
      cluster = await startCluster({ nodes: 2 })
      folder = mkdtempSync(join(tmpdir(), 'k8ts-rollouts-'))
      const file = join(folder, 'kubeconfig')
      writeFileSync(file, cluster.kubeconfig)
      kubectl = createKubectl(release as 'old' | 'new', program, file)
    })
    after(async () => {
      rmSync(folder, { recursive: true })
      await cluster.stop()
    })

    /** In a namespace of its own: gives kubectl for that. */
    async function aWorkload(replicas: number) {
      const namespace = `roll-${randomBytes(4).toString('hex')}`
      await kubectl(['create', 'namespace', namespace])
      await until('its account', () => kubectl(['get', 'serviceaccount', 'default', '-n', namespace]))
      const run = (line: string) => kubectl([...line.split(' '), '-n', namespace])
      await run(`create deployment web --image=web:1 --replicas=${replicas}`)
      await run('rollout status deployment/web --timeout=60s')
      const deployment = async () => JSON.parse(await run('get deployment web -o json')) as Deployment
      return { namespace, run, deployment }
    }

    it('gets every kind in every form', async () => {
      const { run } = await aWorkload(1)
      await run('expose deployment web --port=80')
      for (const kind of kinds) {
        const json = JSON.parse(await run(`get ${kind} -o json`)) as ObjectList<Pod>
        const names = json.items.map(({ metadata }) => metadata?.name ?? '')
        assert.notDeepEqual(names, [], kind)
        assert.match(await run(`get ${kind} -o yaml`), new RegExp(`^    name: ${names[0]}$`, 'm'))
        assert.match(await run(`get ${kind} -o name`), new RegExp(`/${names[0]}$`, 'm'))
        assert.equal(await run(`get ${kind} -o jsonpath={.items[0].metadata.name}`), names[0])
        const [heads = ''] = (await run(`get ${kind}`)).split('\n')
        const [wideHeads = ''] = (await run(`get ${kind} -o wide`)).split('\n')
        const columns = (line: string) => line.split(/ {2,}/).filter(Boolean)
        assert.ok(
          columns(heads).every((head) => columns(wideHeads).includes(head)),
          `${kind}: ${heads} in ${wideHeads}`,
        )
        const one = await run(`get ${kind} --field-selector metadata.name=${names[0]} -o name`)
        assert.equal(one.trim().split('\n').length, 1)
        await run(`get ${kind} -l no=such -o name`)
      }
    })

    it('deletes what a file names', async () => {
      const { namespace, run } = await aWorkload(1)
      const file = join(folder, `${namespace}.yaml`)
      const objects = ['one', 'two'].map(
        (name) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n  namespace: ${namespace}\n`,
      )
      writeFileSync(file, objects.join('---\n'))
      await run(`create -f ${file}`)
      assert.equal(await run(`get -f ${file} -o name`), 'configmap/one\nconfigmap/two\n')
      assert.match(await run(`delete -f ${file}`), /configmap "one" deleted.*\nconfigmap "two" deleted/)
      assert.match(
        (await kubectl.result(['delete', '-f', file])).stderr,
        /Error from server \(NotFound\): .*configmaps "one" not found/,
      )
      await run(`delete -f ${file} --ignore-not-found`)
    })

    it('scales, when the number is what it takes it to be', async () => {
      const { run, deployment } = await aWorkload(1)
      assert.match(await run('scale deployment/web --replicas=3'), /deployment.apps\/web scaled/)
      await run('rollout status deployment/web --timeout=60s')
      assert.equal((await deployment()).status?.readyReplicas, 3)
      await assert.rejects(
        run('scale deployment/web --current-replicas=1 --replicas=5'),
        /[Ee]xpected replicas/,
      )
      await run('scale deployment/web --current-replicas=3 --replicas=0')
      await until('none are left', async () => !(await deployment()).status?.replicas)
    })

    it('rolls out, tells the history, and goes back', async () => {
      const { run, deployment } = await aWorkload(2)
      for (const version of [2, 3]) {
        await run(`set image deployment/web web=web:${version}`)
        await run('rollout status deployment/web --timeout=60s')
      }
      assert.match(await run('rollout history deployment/web'), /^1 .*\n2 .*\n3 /m)
      assert.match(await run('rollout history deployment/web --revision=2'), /Image:\s+web:2/)
      await run('rollout undo deployment/web')
      await run('rollout status deployment/web --timeout=60s')
      assert.equal((await deployment()).spec?.template.spec?.containers[0]?.image, 'web:2')
      await run('rollout undo deployment/web --to-revision=1')
      await run('rollout status deployment/web --timeout=60s')
      assert.equal((await deployment()).spec?.template.spec?.containers[0]?.image, 'web:1')
      assert.match(await run('rollout history deployment/web'), /^3 .*\n4 .*\n5 /m)
      const sets = JSON.parse(await run('get replicasets -o json')) as ObjectList<ReplicaSet>
      assert.equal(sets.items.length, 3)
    })

    it('pauses, resumes and restarts', async () => {
      const { run, deployment } = await aWorkload(2)
      await run('rollout pause deployment/web')
      await run('set image deployment/web web=web:2')
      await until('it is seen', async () => {
        const { metadata, status } = await deployment()
        return status?.observedGeneration === metadata?.generation
      })
      assert.equal((await deployment()).status?.updatedReplicas ?? 0, 0)
      await assert.rejects(run('rollout restart deployment/web'), /paused/)
      await run('rollout resume deployment/web')
      await run('rollout status deployment/web --timeout=60s')
      await run('rollout restart deployment/web')
      await run('rollout status deployment/web --timeout=60s')
      const { spec } = await deployment()
      assert.ok(spec?.template.metadata?.annotations?.['kubectl.kubernetes.io/restartedAt'])
    })

    it('deletes owners with what they own, after it, or without it', async () => {
      const { run, namespace } = await aWorkload(2)
      await run('delete deployment web --cascade=orphan')
      const sets = JSON.parse(await run('get replicasets -o json')) as ObjectList<ReplicaSet>
      assert.equal(sets.items[0]?.metadata?.ownerReferences, undefined)
      const set = sets.items[0]?.metadata?.name
      await run(`delete replicaset ${set} --cascade=foreground`)
      assert.equal(await run('get pods -o name'), '', 'foreground: dependents are gone before their owner')
      await run('create deployment web --image=web:1')
      await run('rollout status deployment/web --timeout=60s')
      await run('delete deployment web --cascade=background')
      await until('its pods are gone', async () => (await run('get pods,replicasets -o name')) === '')
      await kubectl(['delete', 'namespace', namespace, '--timeout=60s'])
    })

    it('waits for conditions, for what finalizers hold to go, and no longer than told', async () => {
      const { run, namespace } = await aWorkload(1)
      await run('run one --image=one:1')
      assert.match(await run('wait --for=condition=Ready pod/one --timeout=30s'), /pod\/one condition met/)
      await run('wait --for=condition=Available deployment/web --timeout=30s')
      await assert.rejects(
        run('wait --for=condition=Nothing pod/one --timeout=1s'),
        /timed out waiting for the condition/,
      )
      await run('create configmap held')
      const finalizers = (list: readonly string[]) =>
        run(`patch configmap held --type=merge -p ${JSON.stringify({ metadata: { finalizers: list } })}`)
      await finalizers(['example.com/hold'])
      await run('delete configmap held --wait=false')
      await assert.rejects(run('wait --for=delete configmap/held --timeout=1s'), /timed out/)
      const line = `wait --for=delete configmap/held --timeout=30s -v=6 -n ${namespace}`
      const waiting = kubectl.start(line.split(' '))
      await until('it watches', () => /watch=true/.test(waiting.stderr()))
      await finalizers([])
      assert.equal((await waiting.ended).exitCode, 0, waiting.stderr())
    })

    it('cordons, drains and uncordons a node', { concurrency: false }, async () => {
      const { run } = await aWorkload(4)
      const node = async () => JSON.parse(await run('get node node2 -o json')) as Node
      const onNode = () => run('get pods --field-selector spec.nodeName=node2 -o name')
      await run('cordon node2')
      assert.equal((await node()).spec?.unschedulable, true)
      assert.match(await run('get nodes'), /^node2 +Ready,SchedulingDisabled /m)
      const drain = 'drain node2 --ignore-daemonsets --force --timeout=60s'
      assert.match(await run(drain), /node\/node2 (evicted|drained)/)
      assert.equal(await onNode(), '')
      await run('rollout status deployment/web --timeout=60s')
      await run('uncordon node2')
      assert.equal((await node()).spec?.unschedulable, undefined)
    })

    it('asks what there is, and what one may do', async () => {
      const { run } = await aWorkload(1)
      assert.match(await run('api-resources --namespaced=false -o name'), /^nodes$/m)
      assert.match(
        await run('api-resources --api-group=apps --verbs=list -o wide'),
        /deployments +deploy +apps\/v1/,
      )
      assert.match(await run('api-versions'), /^batch\/v1$/m)
      assert.equal(await run('auth can-i create deployments.apps --subresource=scale'), 'yes\n')
      const refused = await kubectl.result('auth can-i delete nodes --as=somebody'.split(' '))
      assert.deepEqual([refused.exitCode, refused.stdout.trim().split('\n').at(-1)], [1, 'no'])
      assert.match(await run('auth can-i --list'), /^\*\.\* +\[\] +\[\] +\[\*\]$/m)
      assert.match(await run('explain pods.spec.containers.livenessProbe.httpGet'), /path/)
      assert.match(await run('explain service --recursive'), /clusterIP/)
      const ready = await run('get --raw /readyz?verbose')
      assert.match(ready, /^\[\+\]ping ok$/m)
    })
  })
}
