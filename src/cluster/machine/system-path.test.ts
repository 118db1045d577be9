import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withSystemFolders } from './system-path.ts'

describe('withSystemFolders', () => {
  const rows = [
    ['/opt/bin:/usr/bin:/bin', '/opt/bin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin'],
    [undefined, '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
  ] as const
  for (const [path, expected] of rows) {
    it(`completes '${path}'`, () => assert.equal(withSystemFolders(path), expected))
  }
})
