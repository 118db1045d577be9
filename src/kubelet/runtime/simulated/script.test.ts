import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseScript } from './script.ts'

describe('parseScript', () => {
  const exit = (exitCode: number) => ({ type: 'exit', exitCode })
  const rows: readonly (readonly [readonly string[], readonly object[]])[] = [
    [[], [{ type: 'forever' }]],
    [['nginx', '-g', 'daemon off;'], [{ type: 'forever' }]],
    [
      ['sleep', '2'],
      [{ type: 'sleep', milliseconds: 2000 }, exit(0)],
    ],
    [
      ['/bin/sleep', '1.5m'],
      [{ type: 'sleep', milliseconds: 90_000 }, exit(0)],
    ],
    [['sleep', 'infinity'], [{ type: 'forever' }]],
    [['false'], [exit(1)]],
    [
      ['echo', 'a', 'b'],
      [{ type: 'print', text: 'a b\n' }, exit(0)],
    ],
    [
      ['sh', '-c', 'echo "a  b"; sleep 1 && exit 3; echo no'],
      [{ type: 'print', text: 'a  b\n' }, { type: 'sleep', milliseconds: 1000 }, exit(3)],
    ],
    [
      ['sh', '-c', 'true; echo done'],
      [{ type: 'print', text: 'done\n' }, exit(0)],
    ],
    [['cat'], [{ type: 'copyInput' }, exit(0)]],
  ]
  for (const [command, expected] of rows) {
    it(JSON.stringify(command), () => assert.deepEqual(parseScript(command), expected))
  }
})
