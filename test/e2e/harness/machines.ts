import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clusterFolders } from '../../../src/cluster/state/cluster-folder.ts'
import { runProgram, startProgram, type ProgramResult, type RunningProgram } from './program.ts'
import { k8ts, root } from './root.ts'

/** Machines that are network namespaces on one wire, with a way to the world by the machine that tests run on. */
export interface Machines<Name extends string> {
  address(name: Name): string
  /** Runs `k8ts` there to its end. */
  run(name: Name, args: readonly string[]): Promise<ProgramResult>
  start(name: Name, args: readonly string[]): RunningProgram
  /** Starts any program there. */
  startProgram(name: Name, ...command: readonly string[]): RunningProgram
  /** Runs any program there. */
  command(name: Name, ...command: readonly string[]): Promise<ProgramResult>
  /** Cuts the machine off from the others, and joins it again. */
  disconnect(name: Name): Promise<void>
  connect(name: Name): Promise<void>
  delete(): Promise<void>
}

/** What machines are made of, by their names. */
interface Wire {
  readonly bridge: string
  readonly machines: Readonly<Record<string, { readonly namespace: string; readonly link: string }>>
}

const longestMs = 15 * 60_000
/** Says in a test's folder which machines are its. */
const wireFile = 'machines.json'

export async function createMachines<Name extends string>(
  mark: string,
  names: readonly Name[],
): Promise<Machines<Name>> {
  const id = Number.parseInt(mark.slice(-4), 16)
  const subnet = `10.${200 + (id % 40)}.${(id >> 6) % 250}`
  const bridge = `k8tst${id.toString(16)}`
  const wire: Wire = {
    bridge,
    machines: Object.fromEntries(
      names.map((name, index) => [name, { namespace: `${mark}-${name}`, link: `${bridge}-${index}` }]),
    ),
  }
  const ip = async (...args: readonly string[]) => {
    const { exitCode, stderr } = await runProgram('ip', args)
    assert.equal(exitCode, 0, `ip ${args.join(' ')}: ${stderr}`)
  }
  const link = (name: Name) => wire.machines[name]!.link
  const inside = (name: Name, command: readonly string[]) =>
    [`--net=/run/netns/${wire.machines[name]!.namespace}`, '--', ...command] as const

  const folder = join(root, '.cache/e2e', mark)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, wireFile), JSON.stringify(wire))
  await ip('link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0')
  await ip('address', 'add', `${subnet}.1/24`, 'dev', bridge)
  await ip('link', 'set', bridge, 'up')
  for (const [index, name] of names.entries()) {
    const own = wire.machines[name]!.namespace
    await ip('netns', 'add', own)
    await ip('link', 'add', link(name), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own)
    await ip('link', 'set', link(name), 'master', bridge, 'up')
    await ip('-n', own, 'link', 'set', 'lo', 'up')
    await ip('-n', own, 'link', 'set', 'eth0', 'up')
    await ip('-n', own, 'address', 'add', `${subnet}.${11 + index}/24`, 'dev', 'eth0')
    await ip('-n', own, 'route', 'add', 'default', 'via', `${subnet}.1`)
  }
  return {
    address: (name) => `${subnet}.${11 + names.indexOf(name)}`,
    run: (name, args) => runProgram('nsenter', inside(name, [k8ts, ...args]), { timeoutMs: 120_000 }),
    start: (name, args) => startProgram('nsenter', inside(name, [k8ts, ...args]), { timeoutMs: longestMs }),
    startProgram: (name, ...command) =>
      startProgram('nsenter', inside(name, command), { timeoutMs: longestMs }),
    command: (name, ...command) => runProgram('nsenter', inside(name, command)),
    disconnect: (name) => ip('link', 'set', link(name), 'down'),
    connect: (name) => ip('link', 'set', link(name), 'up'),
    delete: () => removeWire(wire),
  }
}

/** Takes away the machines that a run which was cut off has left, with all that runs on them; `folder` is their test's. */
export async function clearEarlierMachines(folder: string): Promise<void> {
  if (!existsSync(join(folder, wireFile))) return
  const wire = JSON.parse(readFileSync(join(folder, wireFile), 'utf8')) as Wire
  for (const { namespace } of Object.values(wire.machines)) {
    const { stdout } = await runProgram('ip', ['netns', 'pids', namespace])
    for (const pid of stdout.split('\n').filter(Boolean)) await runProgram('kill', ['-KILL', pid])
  }
  for (const left of clusterFolders().filter(({ path }) => path.startsWith(`${folder}/`))) {
    const [first] = Object.keys(wire.machines)
    const machine = Object.keys(wire.machines).find((name) => left.name.endsWith(`-${name}`)) ?? first!
    const { namespace } = wire.machines[machine]!
    const which = ['--name', left.name, '--data-dir', left.path]
    await runProgram('nsenter', [`--net=/run/netns/${namespace}`, '--', k8ts, 'delete', '--yes', ...which])
  }
  await removeWire(wire)
}

async function removeWire({ bridge, machines }: Wire): Promise<void> {
  for (const { namespace, link } of Object.values(machines)) {
    await runProgram('ip', ['link', 'delete', link])
    await runProgram('ip', ['netns', 'delete', namespace])
  }
  await runProgram('ip', ['link', 'delete', bridge])
}
