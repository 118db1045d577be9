import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { HttpError } from '../http-error.ts'
import { journalArguments, parseNodeLogQuery, validateNodeLogQuery } from './node-log-query.ts'
import { serveSystemLogs } from './serve-system-logs.ts'
import { systemLogsOf } from './system-log-options.ts'

describe('serveSystemLogs', () => {
  let outside: string
  let directory: string
  let base: string
  let isQueried = true
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://kubelet')
    const path = decodeURIComponent(pathname)
    serveSystemLogs({ directory, isQueried }, path, searchParams, request, response).catch(
      (error: unknown) => {
        response.writeHead(error instanceof HttpError ? error.status : 500)
        response.end((error as Error).message)
      },
    )
  })
  before(async () => {
    outside = await mkdtemp(join(tmpdir(), 'system-logs-'))
    directory = join(outside, 'log')
    await mkdir(join(directory, 'apt'), { recursive: true })
    await writeFile(join(outside, 'shadow'), 'secret')
    await writeFile(join(directory, 'a&b.log'), 'first\nsecond\n')
    await writeFile(join(directory, 'empty'), '')
    await writeFile(join(directory, 'apt/apt.log'), 'installed\n')
    await writeFile(join(directory, 'wtmp'), Buffer.from([0, 1, 2]))
    await symlink('../shadow', join(directory, 'leak'))
    await symlink('a&b.log', join(directory, 'link'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    server.close()
    server.closeAllConnections()
    await rm(outside, { recursive: true })
  })

  async function get(path: string, init: RequestInit = {}) {
    const answer = await fetch(`${base}${path}`, { redirect: 'manual', ...init })
    return {
      status: answer.status,
      type: answer.headers.get('content-type'),
      text: await answer.text(),
      answer,
    }
  }

  it('lists directories and gives files', async () => {
    const list = await get('/')
    assert.equal(list.type, 'text/html; charset=utf-8')
    assert.deepEqual(list.text.match(/<a .*/g), [
      '<a href="a&b.log">a&amp;b.log</a>',
      '<a href="apt/">apt/</a>',
      '<a href="empty">empty</a>',
      '<a href="leak">leak</a>',
      '<a href="link">link</a>',
      '<a href="wtmp">wtmp</a>',
    ])
    const file = await get('/a%26b.log')
    assert.deepEqual(
      [file.status, file.type, file.text],
      [200, 'text/plain; charset=utf-8', 'first\nsecond\n'],
    )
    assert.equal((await get('/link')).text, 'first\nsecond\n')
    assert.equal((await get('/empty')).text, '')
    assert.equal((await get('/wtmp')).type, 'application/octet-stream')
    const redirected = await get('/apt')
    assert.deepEqual([redirected.status, redirected.answer.headers.get('location')], [301, 'apt/'])
    assert.equal((await get('/nothing')).status, 404)
  })

  it('gives nothing that is elsewhere', async () => {
    for (const path of ['/leak', '/..%2fshadow', '/apt%2f..%2f..%2fshadow']) {
      const { status, text } = await get(path)
      assert.deepEqual([status, text.includes('secret')], [404, false], path)
    }
    assert.equal((await get('/?query=/leak')).text.includes('secret'), false)
  })

  it('answers nothing but GET', async () => {
    assert.equal((await get('/empty', { method: 'POST' })).status, 405)
  })

  it('finds the file of a service that does not write to the journal', async () => {
    assert.equal((await get('/?query=apt')).text, 'installed\n')
    assert.equal((await get('/?query=k8ts-none')).text, '\nlog not found for k8ts-none\n')
    assert.match(
      (await get('/?query=apt&tailLines=1')).text,
      /^\noptions present and query resolved to log files/,
    )
    assert.equal((await get('/?query=/apt/apt.log')).text, 'installed\n')
    const zipped = await get('/?query=apt', { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(zipped.text, 'installed\n')
  })

  it('says what is wrong with a query, and heeds none where it may not', async () => {
    assert.deepEqual((await get('/?query=%20')).status, 400)
    assert.equal((await get('/?sinceTime=yesterday&query=a')).status, 400)
    assert.equal((await get('/?tailLines=1')).status, 406)
    assert.equal((await get('/apt/?query=apt')).status, 406)
    isQueried = false
    assert.match((await get('/?query=apt')).text, /^<!doctype html>/)
    isQueried = true
  })
})

describe('validateNodeLogQuery', () => {
  const rows: readonly (readonly [query: string, complaint: string])[] = [
    ['query=a;b', 'query: Invalid value: "a;b": input contains unsupported characters'],
    ['query=/a&query=/b', 'cannot specify more than one file'],
    ['query=/a&query=b', 'cannot specify a file and service'],
    ['query=/a&boot=0', 'cannot specify file with options'],
    ['query=/none', 'no such file or directory'],
    ['query=a&boot=1', 'boot: Invalid value: 1: must be less than 1'],
    ['query=a&tailLines=100001', 'must be between 0 and 100000, inclusive'],
    ['query=a&pattern=(', 'pattern: Invalid value: "(": '],
    ['query=a&sinceTime=2026-01-02T00:00:00Z&untilTime=2026-01-01T00:00:00Z', 'must be after `sinceTime`'],
    ['query=a&query=b&query=c&query=d&query=e', 'query: Too many: 5: must have at most 4 items'],
  ]
  for (const [text, complaint] of rows) {
    it(text, async () => {
      const { query } = parseNodeLogQuery(new URLSearchParams(text)) as { query: never }
      const errors = await validateNodeLogQuery(query, '/var/log')
      const told = errors.map(({ field, message }) => `${field}: ${message}`).join('\n')
      assert.ok(told.includes(complaint), told)
    })
  }
})

it('journalArguments hands the options on, times in UTC', () => {
  const options = { sinceTime: 0, untilTime: 1000, tailLines: 5, boot: -1, pattern: 'x' }
  assert.deepEqual(journalArguments(['kubelet', 'sshd'], options).slice(3), [
    '--since=1970-01-01 00:00:00',
    '--until=1970-01-01 00:00:01',
    '--pager-end',
    '--lines=5',
    '--unit=kubelet',
    '--unit=sshd',
    '--grep=x',
    '--case-sensitive=false',
    '--boot=-1',
  ])
})

it('systemLogsOf gives logs to read, and to ask for when the configuration says so', () => {
  const options = { nodeName: 'a', runtime: { type: 'simulated' as const } }
  const of = (configuration: object, usesHost = true) => systemLogsOf({ ...options, configuration }, usesHost)
  assert.deepEqual(of({}), { directory: '/var/log', isQueried: false })
  assert.deepEqual(of({ enableSystemLogQuery: true }), { directory: '/var/log', isQueried: true })
  assert.equal(of({ enableSystemLogHandler: false }), undefined)
  assert.equal(of({}, false), undefined)
})
