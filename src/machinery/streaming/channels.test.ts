import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  ChannelError,
  channelCodec,
  negotiateSubprotocol,
  remoteCommandSubprotocols,
  tunnelledProtocol,
} from './channels.ts'
import {
  TerminalSizeReader,
  decodeRemoteCommandResult,
  encodeRemoteCommandResult,
  encodeRemoteCommandResultAsText,
  encodeTerminalSize,
  type RemoteCommandResult,
} from './remote-command.ts'

test('each subprotocol carries bytes on channels', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...remoteCommandSubprotocols),
      fc.nat(4),
      fc.uint8Array(),
      (subprotocol, channel, data) => {
        const codec = channelCodec(subprotocol)!
        const message = codec.encode(channel, data)
        assert.equal(typeof message === 'string', !codec.isBinary)
        const decoded = codec.decode(message)
        assert.ok(decoded?.type === 'data')
        assert.deepEqual([decoded.channel, [...decoded.data]], [channel, [...data]])
      },
    ),
  )
})

test('messages look as documented upstream', () => {
  assert.deepEqual(
    [...(channelCodec('channel.k8s.io')!.encode(0, Buffer.from('foo\n')) as Uint8Array)],
    [0, 102, 111, 111, 10],
  )
  assert.equal(channelCodec('base64.channel.k8s.io')!.encode(0, Buffer.from('foo\n')), '0Zm9vCg==')
  assert.deepEqual(channelCodec('v4.channel.k8s.io')!.decode(''), undefined)
})

test('only v5 ends channels', () => {
  const v5 = channelCodec('v5.channel.k8s.io')!
  assert.deepEqual([...v5.encodeClose(0)!], [255, 0])
  assert.deepEqual(v5.decode(Uint8Array.of(255, 0)), { type: 'close', channel: 0 })
  assert.throws(() => v5.decode(Uint8Array.of(255)), ChannelError)
  assert.throws(() => v5.decode(Uint8Array.of(255, 0, 1)), ChannelError)
  const v4 = channelCodec('v4.channel.k8s.io')!
  assert.equal(v4.encodeClose(0), undefined)
  assert.deepEqual(v4.decode(Uint8Array.of(255, 7)), { type: 'data', channel: 255, data: Uint8Array.of(7) })
})

test('what is no base64 is refused', () => {
  const codec = channelCodec('v4.base64.channel.k8s.io')!
  for (const message of ['0x', '0****', '!AAAA']) assert.throws(() => codec.decode(message), ChannelError)
})

test('subprotocols are negotiated in the order of the client', () => {
  const rows: readonly (readonly [readonly string[], string | undefined])[] = [
    [['v5.channel.k8s.io', 'v4.channel.k8s.io'], 'v5.channel.k8s.io'],
    [['v9.channel.k8s.io', 'base64.channel.k8s.io'], 'base64.channel.k8s.io'],
    [['v9.channel.k8s.io'], undefined],
    [[], ''],
  ]
  for (const [requested, subprotocol] of rows) {
    assert.equal(negotiateSubprotocol(requested, remoteCommandSubprotocols), subprotocol)
  }
  assert.equal(tunnelledProtocol('SPDY/3.1+portforward.k8s.io'), 'portforward.k8s.io')
  assert.equal(tunnelledProtocol('v4.channel.k8s.io'), undefined)
  assert.equal(channelCodec('SPDY/3.1+portforward.k8s.io'), undefined)
})

test('results of commands survive the error stream', () => {
  const results: readonly RemoteCommandResult[] = [
    { type: 'success' },
    { type: 'exit', exitCode: 3, message: 'error executing command [sh], exit code 3' },
    { type: 'error', message: 'container not found' },
  ]
  const decoded = results.map((result) => decodeRemoteCommandResult(encodeRemoteCommandResult(result)))
  assert.deepEqual(decoded, [
    { type: 'success' },
    {
      type: 'exit',
      exitCode: 3,
      message: 'command terminated with non-zero exit code: error executing command [sh], exit code 3',
    },
    { type: 'error', message: 'Internal error occurred: container not found' },
  ])
  assert.equal(encodeRemoteCommandResult({ type: 'success' }), '{"metadata":{},"status":"Success"}')
  assert.equal(encodeRemoteCommandResultAsText({ type: 'success' }), '')
})

test('an error stream that makes no sense is an error', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['{"status":"Odd"}', 'error stream protocol error: unknown error'],
    ['{"status":"Failure","reason":"NonZeroExitCode"}', 'error stream protocol error: details must be set'],
    [
      '{"status":"Failure","reason":"NonZeroExitCode","details":{}}',
      'error stream protocol error: no ExitCode cause given',
    ],
    [
      '{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"x"}]}}',
      'error stream protocol error: invalid exit code value "x"',
    ],
  ]
  for (const [text, message] of rows)
    assert.deepEqual(decodeRemoteCommandResult(text), { type: 'error', message })
  assert.equal(decodeRemoteCommandResult('nonsense').type, 'error')
})

test('TerminalSizeReader reads sizes from any pieces', () => {
  const sizes = [
    { width: 80, height: 24 },
    { width: 120, height: 50 },
  ]
  const stream = Buffer.from(sizes.map(encodeTerminalSize).join(''))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), (size) => {
      const reader = new TerminalSizeReader()
      const read = []
      for (let start = 0; start < stream.length; start += size) {
        read.push(...reader.read(stream.subarray(start, start + size)))
      }
      assert.deepEqual(read, sizes)
    }),
  )
  assert.deepEqual(new TerminalSizeReader().read(Buffer.from('{"Width":-1,"Height":2}{}x}')), [])
})
