import assert from 'node:assert/strict'
import { createHash, randomBytes, type Hash } from 'node:crypto'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { channelCodec } from '../../machinery/streaming/channels.ts'
import { decodeRemoteCommandResult } from '../../machinery/streaming/remote-command.ts'
import type { SpdyStream } from '../../machinery/streaming/spdy.ts'
import { app, prepareContainerWorld, type ContainerWorld } from '../testing/container-world.ts'
import { whyNoContainers } from '../testing/containerd.ts'
import { aShell } from '../testing/pod-builder.ts'
import { clientOf, originOf, servingOptions } from '../testing/serving.ts'
import { openSpdy } from '../testing/spdy-client.ts'

const tls = clientOf('admin')

const mebi = 1 << 20
/** How much goes through each stream: K8TS_TEST_STREAM_MB=1000 for a long run. */
const megabytes = Number(process.env.K8TS_TEST_STREAM_MB ?? 64)
/** What a stream may hold on its way, whatever its length. */
const heldBytes = 150 * mebi

describe('streams of the kubelet server', { skip: whyNoContainers() ?? false }, () => {
  let world: ContainerWorld
  let base: string
  /** SHA-256 of the file that goes through. */
  let sum: string

  before(async () => {
    world = await prepareContainerWorld('10.213.11.0/24', {
      containerLogMaxBytes: 4000 * mebi,
      server: { ...servingOptions, authorize: false },
    })
    await world.kubelet.start()
    base = await originOf(world.kubelet)
    const script = `mkdir /w; dd if=/dev/urandom of=/w/file bs=1M count=${megabytes} 2>/dev/null
sha256sum < /w/file > /w/sum; httpd -p 127.0.0.1:8080 -h /w; touch /ready
head -n 1 > /dev/null; base64 -w 1000 /w/file; sleep 1000`
    const readinessProbe = { exec: { command: ['cat', '/ready'] }, periodSeconds: 1 }
    await world.create('web', { containers: [aShell('app', script, { stdin: true, readinessProbe })] })
    await world.kubelet.waitFor('web', (pod) => app(pod)?.ready === true, 120_000)
    sum = (await output(['cat', '/w/sum'], () => {})).slice(0, 64)
  })

  after(async () => {
    await world?.remove('web')
    await world?.stop()
  })

  /** A command's output over WebSocket v5, given to `take` as it comes; resolves with it when there is little. */
  async function output(command: readonly string[], take: (data: Uint8Array) => void): Promise<string> {
    const codec = channelCodec('v5.channel.k8s.io')!
    const query = command.map((part) => `command=${encodeURIComponent(part)}`).join('&')
    const webSocket = new WebSocket(
      `${base.replace('https', 'wss')}/exec/default/web/app?output=1&error=1&${query}`,
      'v5.channel.k8s.io',
      tls,
    )
    const kept: Uint8Array[] = []
    let result = ''
    await new Promise<void>((resolve, reject) => {
      webSocket.on('message', (data: Buffer) => {
        const message = codec.decode(data)
        if (message?.type !== 'data') return
        if (message.channel === 3) result += Buffer.from(message.data).toString()
        if (message.channel !== 1) return
        take(message.data)
        if (kept.length < 4) kept.push(Uint8Array.from(message.data))
      })
      webSocket.on('close', () => resolve())
      webSocket.on('error', reject)
    })
    assert.deepEqual(decodeRemoteCommandResult(result), { type: 'success' })
    return Buffer.concat(kept).toString()
  }

  /** Runs `work`, and fails when more is held meanwhile than a stream may. */
  async function withoutGrowth(work: () => Promise<void>): Promise<void> {
    const before = process.memoryUsage().rss
    let highest = before
    const timer = setInterval(() => (highest = Math.max(highest, process.memoryUsage().rss)), 20)
    try {
      await work()
    } finally {
      clearInterval(timer)
    }
    assert.ok(highest - before < heldBytes, `memory grew by ${Math.round((highest - before) / mebi)} MiB`)
  }

  function digest(hash: Hash): string {
    return hash.digest('hex')
  }

  it('give all that a command prints', () =>
    withoutGrowth(async () => {
      const hash = createHash('sha256')
      await output(['cat', '/w/file'], (data) => hash.update(data))
      assert.equal(digest(hash), sum)
    }))

  it('take a command of many words', async () => {
    const text = 'a'.repeat(100_000)
    let printed = ''
    await output(['echo', text], (data) => (printed += Buffer.from(data).toString()))
    assert.equal(printed.trimEnd(), text)
  })

  it('take all that a command reads', () =>
    withoutGrowth(async () => {
      const { spdy, close } = await openSpdy(
        `${base}/exec/default/web/app?input=1&output=1&command=sha256sum`,
        'v4.channel.k8s.io',
        tls,
      )
      const [error, stdin, stdout] = ['error', 'stdin', 'stdout'].map((streamType) =>
        spdy.openStream({ streamType }),
      )
      const hash = createHash('sha256')
      const block = randomBytes(mebi)
      for (let count = 0; count < megabytes; count++) {
        hash.update(block)
        await stdin!.write(block)
      }
      await stdin!.end()
      assert.equal((await textOf(stdout)).slice(0, 64), digest(hash))
      assert.deepEqual(decodeRemoteCommandResult(await textOf(error)), { type: 'success' })
      close()
    }))

  it('forward all of a connection', () =>
    withoutGrowth(async () => {
      const { spdy, close } = await openSpdy(`${base}/portForward/default/web`, 'portforward.k8s.io', tls)
      const headers = { port: '8080', requestID: '0' }
      const error = spdy.openStream({ ...headers, streamType: 'error' })
      await error.end()
      const data = spdy.openStream({ ...headers, streamType: 'data' })
      await data.write(Buffer.from('GET /file HTTP/1.0\r\n\r\n'))
      const hash = createHash('sha256')
      let head: Buffer | undefined = Buffer.alloc(0)
      for await (const chunk of data) {
        if (head === undefined) hash.update(chunk)
        else {
          head = Buffer.concat([head, chunk])
          const end = head.indexOf('\r\n\r\n')
          if (end < 0) continue
          hash.update(head.subarray(end + 4))
          head = undefined
        }
      }
      assert.equal(await textOf(error), '')
      assert.equal(digest(hash), sum)
      close()
    }))

  it('attach to, and follow the log of, a container that floods', () =>
    withoutGrowth(async () => {
      const { spdy, close } = await openSpdy(
        `${base}/attach/default/web/app?input=1`,
        'v4.channel.k8s.io',
        tls,
      )
      spdy.openStream({ streamType: 'error' })
      const stdin = spdy.openStream({ streamType: 'stdin' })
      const { length, hash } = await followLog(megabytes * mebi, () => stdin.write(Buffer.from('go\n')))
      assert.equal(length, megabytes * mebi)
      assert.equal(hash, sum)
      close()
    }))

  /** Decodes the log as it comes, until it has given as many bytes. */
  function followLog(wanted: number, onOpen: () => Promise<void>): Promise<{ length: number; hash: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(
        `${base}/containerLogs/default/web/app?follow=true`,
        { ...tls, agent: false },
        (response) => {
          const hash = createHash('sha256')
          let length = 0
          let rest = ''
          response.on('data', (chunk: Buffer) => {
            const lines = (rest + chunk.toString('latin1')).split('\n')
            rest = lines.pop() ?? ''
            for (const line of lines) {
              const bytes = Buffer.from(line, 'base64')
              hash.update(bytes)
              length += bytes.length
            }
            if (length < wanted) return
            sent.destroy()
            resolve({ length, hash: hash.digest('hex') })
          })
        },
      )
      sent.on('error', reject)
      sent.end()
      onOpen().catch(reject)
    })
  }
})

async function textOf(stream: SpdyStream | undefined): Promise<string> {
  const chunks: Uint8Array[] = []
  if (stream) for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
