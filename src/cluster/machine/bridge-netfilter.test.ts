import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { loadBridgeNetfilter } from './bridge-netfilter.ts'
import { CommandError } from './command.ts'

describe('loadBridgeNetfilter', () => {
  let folder = ''
  let settings = ''
  let loads = 0
  /** What the kernel does: its settings appear, and are on. */
  const load = async () => {
    loads += 1
    mkdirSync(settings)
    writeFileSync(join(settings, 'bridge-nf-call-iptables'), '1\n')
  }
  const setting = () => readFileSync(join(settings, 'bridge-nf-call-iptables'), 'utf8').trim()

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'k8ts-bridge-'))
    settings = join(folder, 'bridge')
    loads = 0
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it("loads the module and leaves the machine's own bridges as they were", async () => {
    assert.equal(await loadBridgeNetfilter({ settings, load }), undefined)
    assert.equal(loads, 1)
    assert.equal(setting(), '0')
  })

  it('leaves a kernel that has it alone', async () => {
    await load()
    assert.equal(await loadBridgeNetfilter({ settings, load }), undefined)
    assert.equal(loads, 1)
    assert.equal(setting(), '1')
  })

  it('gives the reason where there is no such module', async () => {
    const refuse = () =>
      Promise.reject(new CommandError('modprobe', 1, 'Module br_netfilter not found', 'exit status 1'))
    assert.equal(
      await loadBridgeNetfilter({ settings, load: refuse }),
      'modprobe: Module br_netfilter not found',
    )
  })
})
