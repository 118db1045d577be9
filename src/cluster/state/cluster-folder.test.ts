import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { clusterFolder } from './cluster-folder.ts'

describe('clusterFolder', () => {
  it("finds an ordinary user's run state from every session of theirs, and after the last has ended", (t) => {
    mock.method(process as { getuid(): number }, 'getuid', () => 1000)
    const before = process.env['XDG_RUNTIME_DIR']
    t.after(() => {
      mock.restoreAll()
      if (before === undefined) delete process.env['XDG_RUNTIME_DIR']
      else process.env['XDG_RUNTIME_DIR'] = before
    })
    delete process.env['XDG_RUNTIME_DIR']
    const withoutSession = clusterFolder('one', '/nowhere/one').controlSocket
    process.env['XDG_RUNTIME_DIR'] = import.meta.dirname
    assert.equal(clusterFolder('one', '/nowhere/one').controlSocket, withoutSession)
  })
})
