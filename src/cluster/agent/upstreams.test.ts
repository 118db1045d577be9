import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeResolvConf } from './upstreams.ts'

describe('nodeResolvConf', () => {
  const rows = [
    {
      name: 'keeps servers and search domains',
      machine:
        '# made\nnameserver 192.0.2.53\nnameserver 192.0.2.54\nsearch a.example b.example\noptions edns0\n',
      expected: 'nameserver 192.0.2.53\nnameserver 192.0.2.54\nsearch a.example b.example\n',
    },
    {
      name: 'leaves out servers on the loopback',
      machine: 'nameserver 127.0.0.1\nnameserver 192.0.2.53\n',
      expected: 'nameserver 192.0.2.53\n',
    },
    {
      name: 'asks what systemd-resolved asks',
      machine: 'nameserver 127.0.0.53\nsearch example\n',
      resolved: 'nameserver 192.0.2.1\n',
      expected: 'nameserver 192.0.2.1\nsearch example\n',
    },
    { name: 'may be empty', machine: '', expected: '' },
  ]
  for (const { name, machine, resolved, expected } of rows) {
    it(name, () => assert.equal(nodeResolvConf(machine, resolved), expected))
  }
})
