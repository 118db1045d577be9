import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '../../api/generated/core.v1.ts'
import { aNode, aPodInfo } from '../testing/builders.ts'
import { nodeDeclaredFeatures } from './node-declared-features.ts'

test('nodeDeclaredFeatures has pods tried again when features of a node change', () => {
  const pod = aPodInfo('p')
  const declaring = (declaredFeatures: readonly string[]): Node => ({
    ...aNode('n'),
    status: { declaredFeatures },
  })
  const helps = nodeDeclaredFeatures.mayHelp!
  const [previous, node] = [declaring(['A']), declaring(['A', 'B'])]
  assert.equal(helps({ type: 'nodeUpdated', node, previous }, pod), true)
  assert.equal(helps({ type: 'nodeUpdated', node, previous: node }, pod), false)
  assert.equal(helps({ type: 'nodeAdded', node }, pod), true)
  assert.equal(helps({ type: 'podUpdated', pod }, pod), true)
  assert.equal(helps({ type: 'podRemoved', pod, nodeName: 'n' }, pod), false)
})
