import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ConfigMap } from '../../src/api/generated/core.v1.ts'
import { kubernetesVersion } from '../../src/api/kubernetes-version.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'

/** What needs no containers: everything that kubectl reads and writes. */
describe('kubectl', () => {
  let cluster: TestCluster
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'k8ts-e2e-'))
    cluster = aCluster('kubectl')
    await cluster.up('--runtime', 'simulated')
    await cluster.kubectl(['create', 'deployment', 'web', '--image=web:1', '--replicas=2'])
    await cluster.kubectl(['rollout', 'status', 'deployment/web', '--timeout=30s'])
    await cluster.kubectl(['expose', 'deployment/web', '--port=80'])
  })
  after(async () => {
    rmSync(folder, { recursive: true })
    await cluster.delete()
  })

  const configMap: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'settings' },
    data: { a: '1' },
  }

  const reads: readonly (readonly [string, RegExp])[] = [
    ['cluster-info', /is running at .*https:\/\/127\.0\.0\.1:\d+/],
    ['version', new RegExp(`Server Version: .*${kubernetesVersion.replaceAll('.', '\\.')}\\+k8ts`)],
    [
      'get nodes',
      /^NAME +STATUS +ROLES +AGE +VERSION\nnode1 +Ready +control-plane +\S+ +v1\.36\.\d+\+k8ts$/m,
    ],
    ['get nodes -o wide', /INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME/],
    ['get namespaces', /^default +Active /m],
    ['get ns -o name', /^namespace\/kube-system$/m],
    ['get pods -A', /^default +web-\S+ +1\/1 +Running +0 /m],
    ['get pods -l app=web -o name', /^(pod\/web-\S+\n){2}$/],
    ['get pods --field-selector status.phase=Pending', /^$/],
    ['get deployments -o yaml', /^ {4}name: web$/m],
    ['get deployment web -o jsonpath={.spec.replicas}', /^2$/],
    ['get services', /^kubernetes +ClusterIP +10\.\d+\.0\.1 +<none> +443\/TCP /m],
    ['get events', /Scheduled .*Successfully assigned default\/web-/],
    ['get all', /^replicaset\.apps\/web-\S+ +2 +2 +2 /m],
    ['get endpoints web', /^web +10\.\S+:80,10\.\S+:80 /m],
    ['describe node node1', /^Name: +node1$/m],
    ['describe deployment web', /^NewReplicaSet: +web-\S+ \(2\/2 replicas created\)$/m],
    ['describe service kubernetes', /^Endpoints: +\S+:\d+$/m],
    ['explain deployment.spec.replicas', /replicas/],
    ['api-resources', /^deployments +deploy +apps\/v1 +true +Deployment$/m],
    ['api-versions', /^apps\/v1$/m],
    ['auth can-i delete pods', /^yes$/m],
    ['get --raw /readyz?verbose', /^readyz check passed$/m],
    ['get --raw /api/v1/namespaces/default', /"kind":"Namespace"/],
  ]
  for (const [line, expected] of reads) {
    it(line, async () => {
      for (const kubectl of cluster.kubectls) {
        assert.match(await kubectl(line.split(' ')), expected, kubectl.release)
      }
    })
  }

  it('applies on the client and on the server', async () => {
    for (const kubectl of cluster.kubectls) {
      const name = `applied-${kubectl.release}`
      const object = { ...configMap, metadata: { name } }
      assert.equal(await kubectl.apply(object), `configmap/${name} created\n`)
      assert.equal(await kubectl.apply(object), `configmap/${name} unchanged\n`)
      assert.equal(await kubectl.apply({ ...object, data: { a: '2' } }), `configmap/${name} configured\n`)
      const stdin = JSON.stringify({ ...object, metadata: { name: `${name}-ss` } })
      for (let i = 0; i < 2; i++) {
        const output = await kubectl(['apply', '--server-side', '-f', '-'], { stdin })
        assert.equal(output, `configmap/${name}-ss serverside-applied\n`)
      }
    }
  })

  it('patches in every way', async () => {
    for (const kubectl of cluster.kubectls) {
      const name = `patched-${kubectl.release}`
      await kubectl(['create', 'configmap', name, '--from-literal=a=1'])
      await kubectl(['patch', 'configmap', name, '-p', '{"data":{"b":"2"}}'])
      await kubectl(['patch', 'configmap', name, '--type=merge', '-p', '{"data":{"a":null}}'])
      await kubectl([
        'patch',
        'configmap',
        name,
        '--type=json',
        '-p',
        '[{"op":"add","path":"/data/c","value":"3"}]',
      ])
      assert.deepEqual((await kubectl.json<ConfigMap>(['get', 'configmap', name])).data, { b: '2', c: '3' })
    }
  })

  it('edits, labels and annotates', async () => {
    const editor = join(folder, 'editor')
    writeFileSync(editor, '#!/bin/sh\nsed -i "s/before/after/" "$1"\n')
    chmodSync(editor, 0o755)
    for (const kubectl of cluster.kubectls) {
      const name = `edited-${kubectl.release}`
      await kubectl(['create', 'configmap', name, '--from-literal=a=before'])
      await kubectl(['edit', 'configmap', name], { env: { KUBE_EDITOR: editor } })
      await kubectl(['label', 'configmap', name, 'tier=front'])
      await kubectl(['annotate', 'configmap', name, 'why=test'])
      const { data, metadata } = await kubectl.json<ConfigMap>(['get', 'configmap', name])
      assert.deepEqual(
        [data?.['a'], metadata?.labels?.['tier'], metadata?.annotations?.['why']],
        ['after', 'front', 'test'],
      )
      assert.match(
        (await kubectl.result(['label', 'configmap', name, 'tier=back'])).stderr,
        /--overwrite is false/,
      )
    }
  })

  it('watches', async () => {
    for (const kubectl of cluster.kubectls) {
      const name = `watched-${kubectl.release}`
      const watch = kubectl.start([
        'get',
        'configmaps',
        '-w',
        '--no-headers',
        '--field-selector',
        `metadata.name=${name}`,
      ])
      await new Promise((resolve) => setTimeout(resolve, 500))
      await kubectl(['create', 'configmap', name, '--from-literal=a=1'])
      await kubectl(['patch', 'configmap', name, '-p', '{"data":{"b":"2"}}'])
      await kubectl(['delete', 'configmap', name])
      await new Promise((resolve) => setTimeout(resolve, 300))
      watch.child.kill('SIGINT')
      const { stdout } = await watch.ended
      const lines = stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ +/).slice(0, 2).join(' '))
      assert.deepEqual(lines, [`${name} 1`, `${name} 2`, `${name} 2`], kubectl.release)
    }
  })

  const faults: readonly (readonly [string, object | undefined, RegExp])[] = [
    ['get pod none', undefined, /^Error from server \(NotFound\): pods "none" not found\n$/],
    ['get nothing', undefined, /the server doesn't have a resource type "nothing"/],
    ['create -f -', configMap, /^$/],
    [
      'create -f -',
      configMap,
      /^Error from server \(AlreadyExists\): .*configmaps "settings" already exists\n$/,
    ],
    [
      'create -f -',
      { ...configMap, metadata: { name: 'Bad_Name' } },
      /The ConfigMap "Bad_Name" is invalid: metadata\.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of/,
    ],
    [
      'create -f - --validate=false',
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'empty' }, spec: { containers: [] } },
      /The Pod "empty" is invalid: spec\.containers: Required value/,
    ],
  ]
  for (const [line, object, expected] of faults) {
    it(`${line} ${object ? JSON.stringify(object).slice(0, 60) : ''} says ${String(expected).slice(0, 60)}`, async () => {
      const result = await cluster.kubectl.result(
        line.split(' '),
        object && { stdin: JSON.stringify(object) },
      )
      assert.match(result.stderr, expected)
    })
  }

  it('is refused without credentials', async () => {
    const server = (await cluster.status()).server
    const anonymous = await cluster.kubectl.result([
      '--kubeconfig=/dev/null',
      `--server=${server}`,
      '--insecure-skip-tls-verify',
      '--token=wrong',
      'get',
      'pods',
    ])
    assert.match(anonymous.stderr, /You must be logged in to the server|Unauthorized/)
  })
})
