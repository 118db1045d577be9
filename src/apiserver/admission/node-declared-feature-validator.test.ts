import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node, Pod } from '../../api/generated/core.v1.ts'
import { nodes, pods } from '../../api/generated/resources.ts'
import { createNodeDeclaredFeatureValidator } from './node-declared-feature-validator.ts'
import { admissionRequest, admit } from './testing/admission-requests.ts'
import { memoryObjects } from './testing/memory-objects.ts'

const pod = (cpu: string, nodeName?: string): Pod => ({
  metadata: { name: 'p', namespace: 'default' },
  spec: {
    containers: [{ name: 'c', image: 'x' }],
    resources: { limits: { cpu } },
    ...(nodeName && { nodeName }),
  },
})
const node = (declaredFeatures?: readonly string[]): Node => ({
  metadata: { name: 'n' },
  status: { ...(declaredFeatures && { declaredFeatures }) },
})

function resize(before: Pod, after: Pod, cluster: readonly Node[], subresource = 'resize') {
  const objects = memoryObjects()
  for (const object of cluster) objects.put(nodes, object)
  const request = admissionRequest('UPDATE', pods, after, { oldObject: before, subresource })
  return admit(createNodeDeclaredFeatureValidator(objects), request)
}

test('createNodeDeclaredFeatureValidator lets a pod change as its node can follow', async () => {
  const able = node(['InPlacePodLevelResourcesVerticalScaling'])
  await resize(pod('1', 'n'), pod('2', 'n'), [able])
  await resize(pod('1', 'n'), pod('1', 'n'), [node()])
  await resize(pod('1'), pod('2'), [])
  await resize(pod('1', 'n'), pod('2', 'n'), [node()], 'status')
})

test('createNodeDeclaredFeatureValidator refuses what the node cannot follow', async () => {
  for (const subresource of ['', 'resize']) {
    await assert.rejects(resize(pod('1', 'n'), pod('2', 'n'), [node(['Other'])], subresource), {
      message:
        'pods "p" is forbidden: pod update requires features InPlacePodLevelResourcesVerticalScaling which are not ' +
        'available on node "n"',
    })
  }
  await assert.rejects(resize(pod('1', 'n'), pod('2', 'n'), []), {
    message: 'pods "p" is forbidden: node "n" not found',
  })
})
