import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import { askServer } from './control-client.ts'
import { startControlServer, type ControlHandlers } from './control-server.ts'

function aSocket(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-control-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return join(folder, 'control.sock')
}

const refuse = () => Promise.reject(new Error('not in this test'))
const handlers: ControlHandlers = {
  status: refuse,
  addNode: refuse,
  stopNode: refuse,
  startNode: refuse,
  deleteNode: refuse,
  loadImage: refuse,
  listImages: refuse,
}

describe('askServer', () => {
  it('is undefined where nobody listens', async (t) => {
    assert.equal(await askServer(aSocket(t), { type: 'status' }), undefined)
  })

  it('gives the answer', async (t) => {
    const socket = aSocket(t)
    const server = await startControlServer(socket, {
      ...handlers,
      loadImage: ({ file }) => Promise.resolve([`image of ${file}`]),
    })
    t.after(() => server.close())
    assert.deepEqual(await askServer(socket, { type: 'loadImage', file: '/a' }), ['image of /a'])
  })

  it('throws what the server says, with its exit code', async (t) => {
    const socket = aSocket(t)
    const server = await startControlServer(socket, {
      ...handlers,
      stopNode: ({ node }) => Promise.reject(new CliError(`no node ${node}`, exitCodes.notFound)),
    })
    t.after(() => server.close())
    await assert.rejects(askServer(socket, { type: 'stopNode', node: 'n' }), (error) => {
      assert.ok(error instanceof CliError)
      assert.deepEqual([error.message, error.exitCode], ['no node n', exitCodes.notFound])
      return true
    })
  })

  it('has changes carried out one after the other', async (t) => {
    const socket = aSocket(t)
    const events: string[] = []
    const server = await startControlServer(socket, {
      ...handlers,
      loadImage: async ({ file }) => {
        events.push(`begin ${file}`)
        await new Promise((resolve) => setImmediate(resolve))
        events.push(`end ${file}`)
        return []
      },
    })
    t.after(() => server.close())
    const ask = (file: string) => askServer(socket, { type: 'loadImage', file })
    await Promise.all([ask('a'), ask('b')])
    assert.deepEqual(
      events.map((event) => event.split(' ')[0]),
      ['begin', 'end', 'begin', 'end'],
    )
  })
})
