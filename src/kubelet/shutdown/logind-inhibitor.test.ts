import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { eventually } from '../testing/container-world.ts'
import { logindInhibitor } from './logind-inhibitor.ts'

const programs = ['/usr/bin/dbus-daemon', '/usr/bin/busctl', '/usr/bin/systemd-inhibit']
const missing = programs.find((program) => !existsSync(program))
const skip = missing === undefined ? false : `${missing} is not there`

describe('logindInhibitor', { skip }, () => {
  it('hears of shutdowns on the bus, and says so when there is no logind', async (test) => {
    const folder = mkdtempSync(join(tmpdir(), 'bus-'))
    const address = `unix:path=${join(folder, 'socket')}`
    const file = join(folder, 'bus.conf')
    const policy = '<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>'
    const content = `<busconfig><listen>${address}</listen><policy context="default">${policy}</policy></busconfig>`
    writeFileSync(file, content)
    const daemon = spawn('/usr/bin/dbus-daemon', [`--config-file=${file}`, '--nofork'], { stdio: 'ignore' })
    test.after(() => {
      daemon.kill()
      rmSync(folder, { recursive: true })
    })
    await eventually(async () => existsSync(join(folder, 'socket')))
    const inhibitor = logindInhibitor(address)
    const heard: boolean[] = []
    const watch = await inhibitor.watch((isShuttingDown) => void heard.push(isShuttingDown))
    for (const value of ['true', 'false']) {
      const signal = ['/org/freedesktop/login1', 'org.freedesktop.login1.Manager', 'PrepareForShutdown']
      const env = { ...process.env, DBUS_SYSTEM_BUS_ADDRESS: address }
      execFileSync('busctl', ['--system', 'emit', ...signal, 'b', value], { env })
    }
    await eventually(async () => heard.length === 2)
    assert.deepEqual(heard, [true, false])
    await assert.rejects(inhibitor.delayMs())
    await assert.rejects(inhibitor.lock(), /^Error: failed creating systemd inhibitor: /)
    watch.stop()
    await watch.ended
  })
})
