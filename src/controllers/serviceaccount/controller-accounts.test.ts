import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namespaces, serviceAccounts } from '../../api/generated/resources.ts'
import { keys, runReconcilers } from '../testing/run-reconciler.ts'
import { controllerAccountsReconciler } from './controller-accounts.ts'

test('controllerAccountsReconciler makes accounts, and makes them again', async () => {
  const accounts = new Set(['job-controller', 'deployment-controller'])
  const harness = await runReconcilers([controllerAccountsReconciler(accounts)], ({ client }) => {
    for (const name of ['default', 'kube-system']) client.seed(namespaces, { metadata: { name } })
  })
  const expected = ['kube-system/deployment-controller', 'kube-system/job-controller']
  assert.deepEqual(keys(await harness.all(serviceAccounts)), expected)
  await harness.client.delete(serviceAccounts, { namespace: 'kube-system', name: 'job-controller' })
  await harness.settle()
  assert.deepEqual(keys(await harness.all(serviceAccounts)), expected)
  await harness.stop()
})
