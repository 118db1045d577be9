/**
 * The program that holds a pod's namespaces: it sleeps until it is told to end, and leaves no zombie behind. No
 * compiler is needed for it: it is a few dozen instructions, put together here as a static ELF file.
 *
 *   rt_sigaction(SIGCHLD, ignore)   the kernel then reaps children by itself
 *   rt_sigaction(SIGINT, exit)      process 1 gets no signal that it has no handler for
 *   rt_sigaction(SIGTERM, exit)
 *   for (;;) pause()
 *   exit: exit_group(0)
 *
 * Sources: System V ABI (ELF-64), Linux uapi asm/unistd.h and asm/signal.h of both architectures.
 */
export function pauseProgram(architecture: ImageArchitecture): Buffer {
  const machine = machines[architecture]
  const dataAddress = loadAddress + headerSize
  const codeAddress = dataAddress + 2 * sigactionSize
  const [ignore, exit] = [dataAddress, dataAddress + sigactionSize]
  const code = machine.code(ignore, exit)
  const data = Buffer.concat([
    sigaction(1n, 0n),
    sigaction(BigInt(codeAddress + code.exitOffset), saRestorer),
  ])
  const size = headerSize + data.length + code.bytes.length
  return Buffer.concat([elfHeader(machine.elfMachine, codeAddress), programHeader(size), data, code.bytes])
}

/** As OCI images name them. */
export type ImageArchitecture = 'amd64' | 'arm64'

const loadAddress = 0x40_0000
const elfHeaderSize = 64
const headerSize = elfHeaderSize + 56
const sigactionSize = 32
const saRestorer = 0x0400_0000n
const [sigint, sigterm, sigchld] = [2, 15, 17]

interface Code {
  readonly bytes: Buffer
  /** Where the handler that exits begins. */
  readonly exitOffset: number
}

interface Machine {
  readonly elfMachine: number
  /** `ignore` and `exit` are the addresses of the two sigaction structures. */
  code(ignore: number, exit: number): Code
}

const machines: Readonly<Record<ImageArchitecture, Machine>> = {
  amd64: { elfMachine: 62, code: amd64Code },
  arm64: { elfMachine: 183, code: arm64Code },
}

function amd64Code(ignore: number, exit: number): Code {
  const immediate = (value: number) => [value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24]
  const eax = (value: number) => [0xb8, ...immediate(value)]
  const edi = (value: number) => [0xbf, ...immediate(value)]
  const esi = (value: number) => [0xbe, ...immediate(value)]
  const clearEdx = [0x31, 0xd2]
  const r10d = (value: number) => [0x41, 0xba, ...immediate(value)]
  const syscall = [0x0f, 0x05]
  const handle = (signal: number, action: number) => [
    ...eax(13),
    ...edi(signal),
    ...esi(action),
    ...clearEdx,
    ...r10d(8),
    ...syscall,
  ]
  const pause = [...eax(34), ...syscall]
  const jumpBack = [0xeb, 0x100 - (pause.length + 2)]
  const before = [
    ...handle(sigchld, ignore),
    ...handle(sigint, exit),
    ...handle(sigterm, exit),
    ...pause,
    ...jumpBack,
  ]
  return { bytes: Buffer.from([...before, ...edi(0), ...eax(231), ...syscall]), exitOffset: before.length }
}

function arm64Code(ignore: number, exit: number): Code {
  /** Loads a number of up to 32 bits: movz, then movk for the upper half. */
  const load = (register: number, value: number) => [
    (0xd280_0000 | ((value & 0xffff) << 5) | register) >>> 0,
    (0xf2a0_0000 | ((value >>> 16) << 5) | register) >>> 0,
  ]
  const supervisorCall = 0xd400_0001
  const call = (number: number, ...args: readonly number[]) => [
    ...args.flatMap((value, register) => load(register, value)),
    ...load(8, number),
    supervisorCall,
  ]
  const handle = (signal: number, action: number) => call(134, signal, action, 0, 8)
  // There is no pause(): ppoll() without descriptors and without a limit is the same.
  const pause = call(73, 0, 0, 0, 0, 0)
  const jumpBack = (0x1400_0000 | (-pause.length & 0x03ff_ffff)) >>> 0
  const before = [
    ...handle(sigchld, ignore),
    ...handle(sigint, exit),
    ...handle(sigterm, exit),
    ...pause,
    jumpBack,
  ]
  const words = [...before, ...call(94, 0)]
  const bytes = Buffer.alloc(words.length * 4)
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, index * 4)
  return { bytes, exitOffset: before.length * 4 }
}

/** struct kernel_sigaction: handler, flags, restorer (never reached: the handler exits), mask. */
function sigaction(handler: bigint, flags: bigint): Buffer {
  const bytes = Buffer.alloc(sigactionSize)
  bytes.writeBigUInt64LE(handler, 0)
  bytes.writeBigUInt64LE(flags, 8)
  bytes.writeBigUInt64LE(handler, 16)
  return bytes
}

function elfHeader(elfMachine: number, entry: number): Buffer {
  const header = Buffer.alloc(elfHeaderSize)
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  header.writeUInt16LE(2, 16) // e_type: ET_EXEC
  header.writeUInt16LE(elfMachine, 18)
  header.writeUInt32LE(1, 20) // e_version
  header.writeBigUInt64LE(BigInt(entry), 24)
  header.writeBigUInt64LE(BigInt(elfHeaderSize), 32) // e_phoff
  header.writeUInt16LE(elfHeaderSize, 52) // e_ehsize
  header.writeUInt16LE(56, 54) // e_phentsize
  header.writeUInt16LE(1, 56) // e_phnum
  header.writeUInt16LE(64, 58) // e_shentsize
  return header
}

/** One segment: the whole file, readable and executable. */
function programHeader(size: number): Buffer {
  const header = Buffer.alloc(56)
  header.writeUInt32LE(1, 0) // PT_LOAD
  header.writeUInt32LE(5, 4) // PF_R | PF_X
  header.writeBigUInt64LE(BigInt(loadAddress), 16)
  header.writeBigUInt64LE(BigInt(loadAddress), 24)
  header.writeBigUInt64LE(BigInt(size), 32)
  header.writeBigUInt64LE(BigInt(size), 40)
  header.writeBigUInt64LE(0x1000n, 48)
  return header
}
