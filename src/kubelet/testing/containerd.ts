import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openCriRuntime } from '../runtime/cri/cri-runtime.ts'
import { mountPointsBelow } from '../volumes/mounts.ts'
import { ociArchive, type ImageDefinition } from './oci-image.ts'

const run = promisify(execFile)

/** A containerd of its own for a test: root, state, socket, CNI directory, bridge and cgroup parent. */
export interface TestContainerd {
  readonly directory: string
  readonly socket: string
  readonly cniDirectory: string
  readonly cgroupRoot: string
  readonly bridge: string
  readonly image: string
  import(image: ImageDefinition): Promise<void>
  /** Kills containerd as a crash would; containers go on. */
  kill(): Promise<void>
  start(): Promise<void>
  /** Ends it and everything it left on this machine. */
  stop(): Promise<void>
}

export const testImage = 'k8ts.test/busybox:1'
const pauseImage = 'k8ts.test/pause:1'
const binaries = ['/usr/bin/containerd', '/usr/sbin/runc', '/usr/lib/cni/bridge', '/usr/bin/busybox']

/** Why real containers cannot run here; undefined when they can. */
export function whyNoContainers(): string | undefined {
  if (process.platform !== 'linux') return 'containers need Linux'
  if (process.getuid?.() !== 0) return 'containers need root'
  const missing = binaries.filter((path) => !existsSync(path))
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`
}

const applets = [
  'cat',
  'chmod',
  'cp',
  'date',
  'dd',
  'echo',
  'env',
  'false',
  'grep',
  'head',
  'hostname',
  'httpd',
  'id',
  'ip',
  'kill',
  'ln',
  'ls',
  'mkdir',
  'mount',
  'nc',
  'nproc',
  'ping',
  'printf',
  'ps',
  'pwd',
  'rm',
  'sed',
  'sha256sum',
  'sh',
  'sleep',
  'sort',
  'stat',
  'stty',
  'tail',
  'test',
  'touch',
  'tr',
  'true',
  'tty',
  'wc',
  'which',
  'yes',
]

export async function startTestContainerd(): Promise<TestContainerd> {
  const directory = await mkdtemp(join(tmpdir(), 'kubelet-containerd-'))
  const name = directory
    .slice(-6)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, 'x')
  const socket = join(directory, 'containerd.sock')
  const cniDirectory = join(directory, 'cni')
  const config = join(directory, 'config.toml')
  const bridge = `kt${name}`
  const cgroupRoot = `/kubelet-test-${name}`
  await mkdir(cniDirectory)
  await writeFile(config, configuration(directory, socket, cniDirectory))
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const spawned = spawn('containerd', ['--config', config, '--log-level', 'warn'], {
      stdio: ['ignore', 'ignore', process.env.CONTAINERD_LOG ? 'inherit' : 'ignore'],
    })
    child = spawned
    for (let tries = 0; tries < 200; tries++) {
      if (
        await ctr('version').then(
          () => true,
          () => false,
        )
      )
        return
      if (spawned.exitCode !== null) throw new Error(`containerd exited with ${spawned.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('containerd does not answer')
  }

  async function kill(): Promise<void> {
    const running = child
    if (!running || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise((resolve) => running.once('exit', resolve))
    running.kill('SIGKILL')
    await ended
  }

  const ctr = (...args: string[]) => run('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args])

  async function load(image: ImageDefinition): Promise<void> {
    const path = join(directory, 'image.tar')
    await writeFile(path, ociArchive(image))
    await ctr('images', 'import', path)
    await rm(path)
  }

  await start()
  const busybox = await readFile('/usr/bin/busybox')
  const files = [{ path: 'bin/busybox', content: busybox, mode: 0o755 }]
  await load({ name: pauseImage, files, entrypoint: ['/bin/busybox', 'sleep', '1000000000'] })
  await load({
    name: testImage,
    files: [
      ...files,
      ...applets.map((applet) => ({ path: `bin/${applet}`, content: '->busybox' as const, mode: 0o777 })),
      { path: 'tmp/', content: new Uint8Array(), mode: 0o1777 },
      { path: 'etc/passwd', content: Buffer.from('root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n') },
      { path: 'etc/group', content: Buffer.from('root:x:0:\nuser:x:1000:\n') },
    ],
    command: ['/bin/sleep', '1000000000'],
  })

  return {
    directory,
    socket,
    cniDirectory,
    cgroupRoot,
    bridge,
    image: testImage,
    import: load,
    kill,
    start,
    async stop() {
      await removeSandboxes(socket)
      await removeContainers(ctr)
      await kill()
      await run('ip', ['link', 'delete', bridge]).catch(() => undefined)
      for (const target of await mountsBelow(directory)) await run('umount', ['--lazy', target])
      await removeCgroups(cgroupRoot)
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function mountsBelow(directory: string): Promise<readonly string[]> {
  return mountPointsBelow(await readFile('/proc/self/mountinfo', 'utf8'), directory).toReversed()
}

/** Pods that a test has left: by way of CRI, so that their networks are released too. */
async function removeSandboxes(socket: string): Promise<void> {
  const runtime = await openCriRuntime({ socket }).catch(() => undefined)
  for (const { id } of (await runtime?.listSandboxes().catch(() => undefined)) ?? []) {
    await runtime?.stopSandbox(id).catch(() => undefined)
    await runtime?.removeSandbox(id).catch(() => undefined)
  }
  await runtime?.close()
}

/** What is still there then. */
async function removeContainers(ctr: (...args: string[]) => Promise<{ stdout: string }>): Promise<void> {
  const list = await ctr('containers', 'list', '--quiet').catch(() => ({ stdout: '' }))
  for (const id of list.stdout.split('\n').filter(Boolean)) {
    await ctr('tasks', 'delete', '--force', id).catch(() => undefined)
    await ctr('containers', 'delete', id).catch(() => undefined)
  }
}

async function removeCgroups(cgroupRoot: string): Promise<void> {
  const { stdout } = await run('find', [
    '/sys/fs/cgroup',
    '-depth',
    '-type',
    'd',
    '-path',
    `*${cgroupRoot}*`,
  ]).catch(() => ({ stdout: '' }))
  for (const path of stdout.split('\n').filter(Boolean)) await run('rmdir', [path]).catch(() => undefined)
}

function configuration(directory: string, socket: string, cniDirectory: string): string {
  return `version = 2
root = "${directory}/root"
state = "${directory}/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[grpc]
  address = "${socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${pauseImage}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  enable_selinux = false
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "${cniDirectory}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
`
}
