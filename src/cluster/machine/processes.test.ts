import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { CommandError, run } from './command.ts'
import { end, identify, isRunning } from './processes.ts'

const onLinux = { skip: process.platform !== 'linux' }

describe('identify', () => {
  it('tells a process from a later one with its id', onLinux, () => {
    const own = identify(process.pid)
    assert.ok(own)
    assert.ok(isRunning(own))
    assert.ok(!isRunning({ ...own, startTicks: '1' }))
    assert.ok(!isRunning({ ...own, bootId: 'another boot' }))
  })

  it('is undefined where there is no process', onLinux, () => {
    assert.equal(identify(2 ** 22 + 1), undefined)
  })
})

describe('end', () => {
  it('kills a process that does not listen to SIGTERM', onLinux, async () => {
    const child = spawn('sh', ['-c', "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
    await once(child.stdout, 'data')
    const exited = once(child, 'exit')
    await end(identify(child.pid ?? 0)!, 50)
    assert.deepEqual(await exited, [null, 'SIGKILL'])
  })
})

describe('run', () => {
  it('gives standard output and feeds standard input', async () => {
    assert.equal(await run('cat', [], { stdin: 'hello' }), 'hello')
  })

  it('throws what the program said', async () => {
    await assert.rejects(run('sh', ['-c', 'echo no such thing >&2; exit 3']), (error: CommandError) => {
      assert.equal(error.message, 'sh: no such thing')
      assert.equal(error.exitCode, 3)
      return true
    })
  })

  it('throws where there is no such program, also with input', async () => {
    await assert.rejects(run('/no/such/program', [], { stdin: 'x' }), CommandError)
  })
})
