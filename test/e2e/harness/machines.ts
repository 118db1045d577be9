import assert from 'node:assert/strict'
import { runProgram, startProgram, type ProgramResult, type RunningProgram } from './program.ts'
import { k8ts } from './root.ts'

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

const longestMs = 15 * 60_000

export async function createMachines<Name extends string>(
  mark: string,
  names: readonly Name[],
): Promise<Machines<Name>> {
  const id = Number.parseInt(mark.slice(-4), 16)
  const subnet = `10.${200 + (id % 40)}.${(id >> 6) % 250}`
  const bridge = `k8tst${id.toString(16)}`
  const ip = async (...args: readonly string[]) => {
    const { exitCode, stderr } = await runProgram('ip', args)
    assert.equal(exitCode, 0, `ip ${args.join(' ')}: ${stderr}`)
  }
  const namespace = (name: Name) => `${mark}-${name}`
  const link = (name: Name) => `${bridge}-${names.indexOf(name)}`
  const inside = (name: Name, command: readonly string[]) =>
    [`--net=/run/netns/${namespace(name)}`, '--', ...command] as const

  await ip('link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0')
  await ip('address', 'add', `${subnet}.1/24`, 'dev', bridge)
  await ip('link', 'set', bridge, 'up')
  for (const [index, name] of names.entries()) {
    const own = namespace(name)
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
    async delete() {
      for (const name of names) {
        await runProgram('ip', ['link', 'delete', link(name)])
        await runProgram('ip', ['netns', 'delete', namespace(name)])
      }
      await runProgram('ip', ['link', 'delete', bridge])
    },
  }
}
