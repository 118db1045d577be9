import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { clusterFolder } from '../state/cluster-folder.ts'
import { serverEnds, supervise } from './supervisor.ts'

function aFolder(t: TestContext) {
  const path = mkdtempSync(join(tmpdir(), 'k8ts-supervisor-'))
  t.after(() => rmSync(path, { recursive: true }))
  const folder = clusterFolder('test', path)
  return { ...folder, readyFile: join(path, 'ready'), endsFile: join(path, 'ends'), runs: join(path, 'runs') }
}

/** Runs a server that is a shell script, to the end of its supervisor. */
function superviseScript(folder: ReturnType<typeof aFolder>, script: string) {
  const { program, args } = supervise(folder, ['sh', '-c', script])
  const { status } = spawnSync(program, args, { timeout: 20_000 })
  const runs = existsSync(folder.runs) ? readFileSync(folder.runs, 'utf8').trim().split('\n') : []
  return { status, runs, ends: serverEnds(folder).map(({ how }) => how) }
}

describe('supervise', () => {
  it('does not start a server again that was never ready, and ends as it did', (t) => {
    const folder = aFolder(t)
    const result = superviseScript(folder, `echo "$K8TS_RUN" >> ${folder.runs}; exit 5`)
    assert.deepEqual(result, { status: 5, runs: ['first'], ends: [] })
  })

  it('does not start a server again that was stopped', (t) => {
    const folder = aFolder(t)
    writeFileSync(folder.readyFile, '')
    assert.deepEqual(superviseScript(folder, `rm ${folder.readyFile}`), { status: 0, runs: [], ends: [] })
  })

  it('starts a server again that was killed, and notes how it ended', (t) => {
    const folder = aFolder(t)
    const script = `
      echo "$K8TS_RUN" >> ${folder.runs}
      if [ "$K8TS_RUN" = first ]; then touch ${folder.readyFile}; kill -9 $$; fi
      rm ${folder.readyFile}`
    assert.deepEqual(superviseScript(folder, script), {
      status: 0,
      runs: ['first', 'again'],
      ends: ['SIGKILL'],
    })
  })
})
