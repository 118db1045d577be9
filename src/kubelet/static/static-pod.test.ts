import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseStaticPod } from './static-pod.ts'

const manifest = (extra = '') =>
  Buffer.from(`apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  containers:
  - name: app
    image: nginx
${extra}`)

describe('parseStaticPod', () => {
  it('makes it this node’s pod, with defaults', () => {
    const pod = parseStaticPod(manifest(), 'node-1', 0)
    assert.equal(pod.metadata?.name, 'web-node-1')
    assert.equal(pod.metadata?.namespace, 'default')
    assert.equal(pod.metadata?.annotations?.['kubernetes.io/config.source'], 'file')
    assert.equal(pod.metadata?.annotations?.['kubernetes.io/config.hash'], pod.metadata?.uid)
    assert.equal(pod.spec?.nodeName, 'node-1')
    assert.equal(pod.spec?.restartPolicy, 'Always')
    assert.equal(pod.spec?.containers[0]?.imagePullPolicy, 'Always')
    assert.deepEqual(pod.spec?.tolerations, [{ operator: 'Exists', effect: 'NoExecute' }])
  })

  it('another content is another pod', () => {
    const uid = (text: string) => parseStaticPod(manifest(text), 'node-1', 0).metadata?.uid
    assert.equal(uid(''), uid(''))
    assert.notEqual(uid(''), uid('    args: [x]'))
  })

  it('refuses what is no pod', () => {
    assert.throws(
      () => parseStaticPod(Buffer.from('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n'), 'n', 0),
      /must be a Pod/,
    )
    assert.throws(() => parseStaticPod(Buffer.from('kind: [Pod'), 'n', 0))
    assert.throws(
      () => parseStaticPod(Buffer.from('apiVersion: v1\nkind: Pod\nspec: {}\n'), 'n', 0),
      /metadata.name/,
    )
  })
})
