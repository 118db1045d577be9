import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { serviceAccountOf } from './service-account-of.ts'

describe('serviceAccountOf', () => {
  const rows = [
    ['deployment', 'deployment-controller'],
    ['daemonset', 'daemon-set-controller'],
    ['csrsigning', 'certificate-controller'],
    ['token-cleaner', 'token-cleaner'],
    ['garbage-collector', 'generic-garbage-collector'],
    ['node-ipam', 'node-controller'],
    ['taint-eviction-controller', 'node-controller'],
  ] as const
  for (const [controller, account] of rows) {
    it(`gives ${controller} the account ${account}`, () =>
      assert.equal(serviceAccountOf(controller), account))
  }
})
