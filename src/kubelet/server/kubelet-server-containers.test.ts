import assert from 'node:assert/strict'
import { randomBytes, createHash } from 'node:crypto'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { channelCodec } from '../../machinery/streaming/channels.ts'
import { decodeRemoteCommandResult } from '../../machinery/streaming/remote-command.ts'
import { SpdyConnection, type SpdyStream } from '../../machinery/streaming/spdy.ts'
import { isRunning, prepareContainerWorld, type ContainerWorld } from '../testing/container-world.ts'
import { whyNoContainers } from '../testing/containerd.ts'
import type { KubeletHarness } from '../testing/kubelet-harness.ts'
import { aShell } from '../testing/pod-builder.ts'
import { openRawWebSocket } from '../testing/raw-websocket.ts'
import { ca, clientOf, originOf, servingOptions } from '../testing/serving.ts'
import { openSpdy } from '../testing/spdy-client.ts'

const tls = clientOf('admin')

interface Filesystem {
  readonly usedBytes: number
  readonly inodesUsed: number
  readonly capacityBytes: number
  readonly availableBytes: number
}

interface Summary {
  readonly node: {
    readonly systemContainers: readonly { readonly name: string }[]
    readonly runtime: { readonly imageFs: Filesystem; readonly containerFs: Filesystem }
    readonly rlimit: { readonly maxpid: number; readonly curproc: number }
    readonly swap: { readonly swapUsageBytes: number }
  }
  readonly pods: readonly {
    readonly cpu: { readonly usageCoreNanoSeconds: number }
    readonly memory: { readonly workingSetBytes: number }
    readonly network: {
      readonly name: string
      readonly rxBytes: number
      readonly txBytes: number
      readonly interfaces: readonly { readonly name: string }[]
    }
    readonly process_stats: { readonly process_count: number }
    readonly 'ephemeral-storage': Filesystem
    readonly containers: readonly { readonly logs: Filesystem; readonly rootfs: Filesystem }[]
  }[]
}

describe('the kubelet server on real containers', { skip: whyNoContainers() ?? false }, () => {
  let world: ContainerWorld
  let kubelet: KubeletHarness
  let base: string

  before(async () => {
    world = await prepareContainerWorld('10.213.9.0/24', { server: { ...servingOptions, authorize: false } })
    kubelet = world.kubelet
    await kubelet.start()
    base = await originOf(kubelet)
    const script =
      'for i in 1 2 3 4 5; do echo line $i; done; mkdir /w; echo hello > /w/index.html; httpd -p 127.0.0.1:8080 -h /w; sleep 1000'
    await world.create('web', { containers: [aShell('app', script, { stdin: true })] })
    await kubelet.waitFor('web', isRunning)
  })

  after(async () => {
    await world?.remove('web')
    await world?.stop()
  })

  function get(path: string, options: object = tls): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(`${base}${path}`, { ca, ...options, agent: false }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += String(chunk)))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  const commandQuery = (command: readonly string[], flags: string) =>
    `${flags}&${command.map((part) => `command=${encodeURIComponent(part)}`).join('&')}`

  /** As kubectl over SPDY: answers with what came on each stream. */
  async function exec(command: readonly string[], flags: string, input?: AsyncIterable<Uint8Array>) {
    const { spdy, close } = await openSpdy(
      `${base}/exec/default/web/app?${commandQuery(command, flags)}`,
      'v4.channel.k8s.io',
      tls,
    )
    const open = (streamType: string) => spdy.openStream({ streamType })
    const error = open('error')
    const stdin = flags.includes('input=1') ? open('stdin') : undefined
    const stdout = open('stdout')
    const stderr = flags.includes('error=1') ? open('stderr') : undefined
    const resize = flags.includes('tty=1') ? open('resize') : undefined
    const writing = (async () => {
      await resize?.write(Buffer.from('{"Width":123,"Height":45}\n'))
      for await (const chunk of input ?? []) await stdin?.write(chunk)
      await stdin?.end()
    })()
    const [out, err, result] = await Promise.all([textOf(stdout), textOf(stderr), textOf(error)])
    await writing
    close()
    return { out, err, result: decodeRemoteCommandResult(result) }
  }

  it('turns strangers away', async () => {
    assert.deepEqual(await get('/pods', {}), { status: 401, text: 'Unauthorized' })
    assert.equal((await get('/none')).status, 404)
  })

  it('lists pods, says it is well, and shows its configuration', async () => {
    const list = JSON.parse((await get('/pods')).text) as { items: { metadata: { name: string } }[] }
    assert.deepEqual(
      list.items.map(({ metadata }) => metadata.name),
      ['web'],
    )
    assert.deepEqual(await get('/healthz'), { status: 200, text: 'ok' })
    assert.match((await get('/configz')).text, /"cgroupDriver":"cgroupfs"/)
    assert.match((await get('/logs/')).text, /^<!doctype html>/)
  })

  it('tells what is used', async () => {
    const summary = JSON.parse((await get('/stats/summary')).text) as {
      pods: { containers: { name: string; memory: { workingSetBytes: number } }[] }[]
    }
    const [container] = summary.pods[0]!.containers
    assert.equal(container?.name, 'app')
    assert.ok(container.memory.workingSetBytes > 0)
    const { text } = await get('/metrics/resource')
    assert.match(
      text,
      /^container_memory_working_set_bytes\{container="app",namespace="default",pod="web"\} \d+ \d+$/m,
    )
    assert.match(text, /^node_cpu_usage_seconds_total [\d.]+ \d+$/m)
  })

  it('tells of networks, logs, processes and file systems as upstream does', async () => {
    const summary = JSON.parse((await get('/stats/summary')).text) as Summary
    const [pod] = summary.pods
    assert.deepEqual(
      summary.node.systemContainers.map(({ name }) => name),
      ['kubelet', 'pods'],
    )
    assert.deepEqual(summary.node.runtime.containerFs, summary.node.runtime.imageFs)
    assert.ok(summary.node.rlimit.maxpid > summary.node.rlimit.curproc)
    assert.ok(summary.node.swap.swapUsageBytes >= 0)
    assert.equal(pod!.network.name, 'eth0')
    assert.ok(pod!.network.rxBytes >= 0 && pod!.network.txBytes >= 0)
    assert.deepEqual(
      pod!.network.interfaces.map(({ name }) => name),
      ['eth0'],
    )
    assert.ok(pod!.process_stats.process_count >= 2)
    assert.ok(pod!.cpu.usageCoreNanoSeconds > 0 && pod!.memory.workingSetBytes > 0)
    const [{ logs, rootfs }] = pod!.containers as [Summary['pods'][number]['containers'][number]]
    assert.ok(logs.usedBytes > 0 && logs.inodesUsed >= 2 && logs.capacityBytes > logs.usedBytes)
    assert.ok(rootfs.capacityBytes > 0 && rootfs.availableBytes > 0)
    assert.ok(pod!['ephemeral-storage'].usedBytes >= logs.usedBytes)
  })

  it('tells what the kernel does, under names that dashboards know', async () => {
    const { text } = await get('/metrics/cadvisor')
    const pod = 'namespace="default",pod="web"'
    for (const [name, labels] of [
      ['container_network_receive_bytes_total', `container="",.*interface="eth0",.*${pod}`],
      ['container_network_transmit_packets_dropped_total', `container="",.*interface="eth0",.*${pod}`],
      ['container_cpu_usage_seconds_total', `container="app",cpu="total",.*${pod}`],
      ['container_cpu_user_seconds_total', `container="app",.*${pod}`],
      ['container_memory_cache', `container="app",.*${pod}`],
      ['container_memory_failures_total', `container="app",failure_type="pgfault",.*${pod}`],
      ['container_processes', `container="app",.*${pod}`],
      ['container_memory_working_set_bytes', 'container="",id="/"'],
      ['container_memory_working_set_bytes', 'container="",id="[^"]*/kubepods"'],
      ['container_memory_working_set_bytes', `container="",id="[^"]*/pod[^/"]*",.*${pod}`],
    ] as const) {
      assert.match(text, new RegExp(`^${name}\\{${labels}.*\\} [\\d.e+]+`, 'm'))
    }
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    const names = series.map((line) => line.replace(/ [^}]*$/, ''))
    assert.equal(new Set(names).size, names.length, 'nothing is told twice')
  })

  it('tells of itself under names that dashboards know', async () => {
    const { text } = await get('/metrics')
    for (const name of [
      'kubelet_running_pods',
      'kubelet_desired_pods\\{static=""\\}',
      'kubelet_pleg_relist_duration_seconds_count',
      'kubelet_pleg_last_seen_seconds',
      'kubelet_pod_worker_duration_seconds_count\\{operation_type="create"\\}',
      'kubelet_pod_start_duration_seconds_count',
      'kubelet_runtime_operations_total\\{operation_type="run_podsandbox"\\}',
      'kubelet_started_pods_total',
      'kubelet_started_containers_total\\{container_type="container"\\}',
      'kubelet_cgroup_manager_duration_seconds_count\\{operation_type="create"\\}',
      'kubelet_http_requests_total\\{long_running="false",method="GET",path="metrics",server_type="readwrite"\\}',
      'kubelet_certificate_manager_server_ttl_seconds',
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
    ]) {
      assert.match(text, new RegExp(`^${name} [\\d.e+]+$`, 'm'))
    }
  })

  const logRows = [
    { query: '', expected: 'line 1\nline 2\nline 3\nline 4\nline 5\n' },
    { query: 'tailLines=2', expected: 'line 4\nline 5\n' },
    { query: 'tailLines=0', expected: '' },
    { query: 'limitBytes=10', expected: 'line 1\nlin' },
    { query: 'sinceTime=2100-01-01T00:00:00Z', expected: '' },
    { query: 'stream=Stderr', expected: '' },
  ]
  for (const { query, expected } of logRows) {
    it(`answers with logs: ${query}`, async () => {
      const answer = await get(`/containerLogs/default/web/app?${query}`)
      assert.deepEqual(answer, { status: 200, text: expected })
    })
  }

  it('begins lines with their times', async () => {
    const { text } = await get('/containerLogs/default/web/app?tailLines=1&timestamps=true')
    assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\S* line 5\n$/)
  })

  it('says which logs there are not', async () => {
    assert.equal((await get('/containerLogs/default/none/app')).status, 404)
    assert.equal((await get('/containerLogs/default/web/none')).status, 404)
    assert.deepEqual(await get('/containerLogs/default/web/app?previous=true'), {
      status: 400,
      text: 'previous terminated container "app" in pod "web" not found',
    })
  })

  it('follows a log to the end of its container', async () => {
    await world.create('talker', {
      restartPolicy: 'Never',
      containers: [aShell('app', 'echo one; sleep 1; echo two; sleep 1; echo three')],
    })
    await kubelet.waitFor('talker', isRunning)
    const { text } = await get('/containerLogs/default/talker/app?follow=true')
    assert.equal(text, 'one\ntwo\nthree\n')
    await world.remove('talker')
  })

  it('runs a command and keeps its outputs apart', async () => {
    const answer = await exec(['sh', '-c', 'echo out; echo err >&2'], 'output=1&error=1')
    assert.deepEqual(answer, { out: 'out\n', err: 'err\n', result: { type: 'success' } })
  })

  it('tells the exit code', async () => {
    const { result } = await exec(['sh', '-c', 'exit 42'], 'output=1&error=1')
    assert.equal(result.type === 'exit' && result.exitCode, 42)
  })

  it('tells that a command is not there', async () => {
    const { result } = await exec(['/none'], 'output=1&error=1')
    assert.equal(result.type, 'error')
    assert.match(
      result.type === 'error' ? result.message : '',
      /^Internal error occurred: error executing command in container: .*no such file or directory/,
    )
  })

  it('half-closes the input, and moves much without holding it', async () => {
    const block = randomBytes(1 << 20)
    const blocks = 48
    const hash = createHash('sha256')
    async function* input() {
      for (let index = 0; index < blocks; index++) {
        hash.update(block)
        yield block
      }
    }
    const before = process.memoryUsage().rss
    const { out } = await exec(
      ['sh', '-c', 'sha256sum 2>/dev/null || cat | wc -c'],
      'input=1&output=1&error=1',
      input(),
    )
    assert.match(out, new RegExp(`${hash.digest('hex')}|^${blocks << 20}`))
    assert.ok(process.memoryUsage().rss - before < 100 << 20, 'memory grew with the input')
  })

  it('gives a terminal its size', async () => {
    const { out } = await exec(['sh', '-c', 'sleep 0.3; stty size'], 'output=1&tty=1')
    assert.match(out, /^45 123\r\n$/)
  })

  it('speaks WebSocket v5, with a half-closed input', async () => {
    const messages = await overWebSocket(
      `/exec/default/web/app?${commandQuery(['sh', '-c', 'cat; echo end'], 'input=1&output=1&error=1')}`,
      'v5.channel.k8s.io',
      (send, codec) => {
        send(codec.encode(0, Buffer.from('typed\n')))
        send(codec.encodeClose(0)!)
      },
    )
    assert.equal(messages.get(1), 'typed\nend\n')
    assert.deepEqual(decodeRemoteCommandResult(messages.get(3) ?? ''), { type: 'success' })
  })

  it('speaks WebSocket v4', async () => {
    const messages = await overWebSocket(
      `/exec/default/web/app?${commandQuery(['sh', '-c', 'echo out; exit 3'], 'output=1&error=1')}`,
      'v4.channel.k8s.io',
      () => {},
    )
    assert.equal(messages.get(1), 'out\n')
    const result = decodeRemoteCommandResult(messages.get(3) ?? '')
    assert.equal(result.type === 'exit' && result.exitCode, 3)
  })

  it('forwards a port over SPDY', async () => {
    const { spdy, close } = await openSpdy(`${base}/portForward/default/web`, 'portforward.k8s.io', tls)
    assert.match(await fetchThrough(spdy, 8080, '0'), /hello/)
    assert.match(await fetchThrough(spdy, 8080, '1'), /hello/)
    const { error } = await streamsOf(spdy, 9999, '2')
    assert.match(await textOf(error), /^error forwarding port 9999 to pod web, uid [^:]+: .*refused/)
    close()
  })

  it('forwards a port over SPDY in a WebSocket', async () => {
    const subprotocol = 'SPDY/3.1+portforward.k8s.io'
    const url = `${base}/portForward/default/web`
    const webSocket = await openRawWebSocket(url, subprotocol, tls, (data) => void spdy.receive(data))
    const spdy: SpdyConnection = new SpdyConnection({
      role: 'client',
      send: (bytes) => webSocket.send(bytes),
    })
    assert.equal(webSocket.subprotocol, subprotocol)
    assert.match(await fetchThrough(spdy, 8080, '0'), /hello/)
    webSocket.close()
  })

  function overWebSocket(
    path: string,
    subprotocol: string,
    begin: (
      send: (message: Uint8Array | string) => void,
      codec: NonNullable<ReturnType<typeof channelCodec>>,
    ) => void,
  ): Promise<ReadonlyMap<number, string>> {
    const codec = channelCodec(subprotocol)!
    const webSocket = new WebSocket(`${base.replace('https', 'wss')}${path}`, subprotocol, tls)
    const messages = new Map<number, string>()
    return new Promise((resolve, reject) => {
      webSocket.on('open', () => begin((message) => webSocket.send(message), codec))
      webSocket.on('message', (data: Buffer) => {
        const message = codec.decode(data)
        if (message?.type !== 'data') return
        messages.set(
          message.channel,
          (messages.get(message.channel) ?? '') + Buffer.from(message.data).toString(),
        )
      })
      webSocket.on('close', () => resolve(messages))
      webSocket.on('error', reject)
    })
  }
})

async function streamsOf(spdy: SpdyConnection, port: number, requestID: string) {
  const headers = { port: String(port), requestID }
  const error = spdy.openStream({ ...headers, streamType: 'error' })
  await error.end()
  const data = spdy.openStream({ ...headers, streamType: 'data' })
  return { error, data }
}

async function fetchThrough(spdy: SpdyConnection, port: number, requestID: string): Promise<string> {
  const { error, data } = await streamsOf(spdy, port, requestID)
  await data.write(Buffer.from('GET / HTTP/1.0\r\n\r\n'))
  const text = await textOf(data)
  assert.equal(await textOf(error), '')
  await data.end()
  return text
}

async function textOf(stream: SpdyStream | undefined): Promise<string> {
  const chunks: Uint8Array[] = []
  if (stream) for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
