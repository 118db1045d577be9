import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { openJournal, type Trace } from './journal.ts'

const namespace: Trace = { kind: 'namespace', name: 'k8ts-a-node1', link: 'k8ts0-1' }
const cgroup: Trace = { kind: 'cgroup', path: '/k8ts-a' }

function journalFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-journal-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'run', 'journal.json')
}

describe('openJournal', () => {
  it('knows, when opened again, what was recorded and not forgotten', (t) => {
    const file = journalFile(t)
    const journal = openJournal(file)
    journal.record(namespace)
    journal.record(cgroup)
    journal.record({ ...namespace })
    assert.deepEqual(openJournal(file).traces, [namespace, cgroup])
    journal.forget({ ...namespace })
    assert.deepEqual(openJournal(file).traces, [cgroup])
  })

  it('leaves no file when removed', (t) => {
    const file = journalFile(t)
    const journal = openJournal(file)
    journal.record(cgroup)
    journal.remove()
    assert.ok(!existsSync(file))
    assert.deepEqual(openJournal(file).traces, [])
  })
})
