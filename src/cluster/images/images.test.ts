import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { imageReference } from './image-reference.ts'
import { ociArchive } from './oci-image.ts'
import { pauseProgram } from './pause-program.ts'
import { tar } from './tar.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'k8ts-images-'))
})
after(() => rmSync(folder, { recursive: true }))

describe('tar', () => {
  it('is read by tar', { skip: process.platform !== 'linux' }, () => {
    const long = `${'d'.repeat(90)}/${'f'.repeat(90)}`
    const archive = join(folder, 'some.tar')
    writeFileSync(
      archive,
      tar([
        { path: 'dir', type: 'directory' },
        { path: 'dir/file', type: 'file', mode: 0o755, content: 'hello' },
        { path: 'link', type: 'symlink', target: 'dir/file' },
        { path: long, type: 'file', content: 'x'.repeat(512) },
      ]),
    )
    const listing = execFileSync('tar', ['-tvf', archive, '--numeric-owner'], { encoding: 'utf8' })
    assert.match(listing, /^drwxr-xr-x 0\/0 +0 1970-01-01 00:00 dir\/$/m)
    assert.match(listing, /^-rwxr-xr-x 0\/0 +5 1970-01-01 00:00 dir\/file$/m)
    assert.match(listing, /^lrwxrwxrwx 0\/0 +0 1970-01-01 00:00 link -> dir\/file$/m)
    assert.ok(listing.includes(` ${long}\n`))
  })

  it('refuses a path that does not fit', () => {
    assert.throws(() => tar([{ path: 'x'.repeat(101), type: 'file' }]), RangeError)
  })
})

describe('ociArchive', () => {
  const content = { name: 'web', layers: [[{ path: 'a', type: 'file', content: 'a' }]] } as const

  it('has equal bytes for equal content', () => {
    assert.ok(ociArchive(content).equals(ociArchive(content)))
  })

  it('names the image in full', () => {
    assert.ok(ociArchive(content).includes('"io.containerd.image.name":"docker.io/library/web:latest"'))
  })
})

describe('imageReference', () => {
  const rows = [
    ['web', 'docker.io/library/web:latest'],
    ['web:1', 'docker.io/library/web:1'],
    ['team/web:1', 'docker.io/team/web:1'],
    ['k8ts.io/pause:1', 'k8ts.io/pause:1'],
    ['localhost:5000/web', 'localhost:5000/web:latest'],
  ] as const
  for (const [name, full] of rows) {
    it(`takes ${name} for ${full}`, () => assert.equal(imageReference(name).full, full))
  }
})

describe('pauseProgram', () => {
  const runnable = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64')

  it('sleeps until SIGTERM, then ends with 0', { skip: !runnable }, async () => {
    const file = join(folder, 'pause')
    writeFileSync(file, pauseProgram(process.arch === 'x64' ? 'amd64' : 'arm64'), { mode: 0o755 })
    const child = spawn(file)
    // Its handlers are set, and it sleeps, when SIGTERM is among the signals it catches.
    const catches = () =>
      BigInt(`0x${/SigCgt:\s*(\w+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]}`)
    while (((catches() >> 14n) & 1n) === 0n) await new Promise((resolve) => setImmediate(resolve))
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])
  })

  it('is an ELF file for each architecture', () => {
    assert.equal(pauseProgram('amd64').readUInt16LE(18), 62)
    assert.equal(pauseProgram('arm64').readUInt16LE(18), 183)
  })
})
