import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressPlan } from './address-plan.ts'
import { CommandError } from './command.ts'
import { giveNamesToHost } from './host-names.ts'

const plan = addressPlan(0, 1)

describe('giveNamesToHost', () => {
  it('has systemd-resolved ask the DNS of the cluster for names of its domain, and for no others', async () => {
    const asked: string[] = []
    const resolvectl = async (...args: string[]) => asked.push(args.join(' '))
    assert.equal(await giveNamesToHost(plan, 'cluster.local', { sign: '/dev/null', resolvectl }), undefined)
    assert.deepEqual(asked, ['dns k8ts0 10.96.0.10', 'domain k8ts0 ~cluster.local'])
  })

  it('leaves a machine alone whose names somebody else finds', async () => {
    const resolvectl = () => assert.fail('nobody is there to be asked')
    assert.equal(await giveNamesToHost(plan, 'cluster.local', { sign: '/none', resolvectl }), undefined)
  })

  it('says why it cannot be had', async () => {
    const resolvectl = () =>
      Promise.reject(new CommandError('resolvectl', 1, 'no such link', 'exit status 1'))
    const why = await giveNamesToHost(plan, 'cluster.local', { sign: '/dev/null', resolvectl })
    assert.equal(why, 'resolvectl: no such link')
  })
})
