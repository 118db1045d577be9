import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { sharedSetting } from './shared-setting.ts'

function aSetting(t: TestContext, before: string) {
  const folder = mkdtempSync(join(tmpdir(), 'k8ts-setting-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [file, memory] = [join(folder, 'setting'), join(folder, 'memory')]
  writeFileSync(file, `${before}\n`)
  const value = () => readFileSync(file, 'utf8').trim()
  return { file, memory, value, setting: sharedSetting({ file, wanted: '1', memory }) }
}

describe('sharedSetting', () => {
  it('is what it was when the last user has gone', (t) => {
    const { setting, value, memory } = aSetting(t, '0')
    setting.switchOn(1)
    setting.switchOn(2)
    setting.switchOn(2)
    setting.switchOff(1)
    assert.equal(value(), '1')
    setting.switchOff(2)
    assert.equal(value(), '0')
    assert.ok(!existsSync(memory))
    setting.switchOff(2)
    assert.equal(value(), '0')
  })

  it('stays on where it was on', (t) => {
    const { setting, value } = aSetting(t, '1')
    setting.switchOn(1)
    setting.switchOff(1)
    assert.equal(value(), '1')
  })

  it('leaves alone what somebody else has set since', (t) => {
    const { setting, value, file } = aSetting(t, '0')
    setting.switchOn(1)
    writeFileSync(file, '2')
    setting.switchOff(1)
    assert.equal(value(), '2')
  })
})
