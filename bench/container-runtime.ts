import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openCriRuntime } from '../src/kubelet/runtime/cri/cri-runtime.ts'
import type {
  ContainerConfig,
  ContainerRuntime,
  Namespaces,
  SandboxConfig,
} from '../src/kubelet/runtime/runtime.ts'
import type { Bench } from './figure.ts'
import { benchImage, type K8tsCluster } from './k8ts-cluster.ts'
import { benchPodSpec } from './pods.ts'
import { median, repeat } from './timing.ts'

/**
 * The same sandbox and container as in the measured pods, through CRI alone: what no kubelet can be faster than. The
 * node's process stands still meanwhile, since a kubelet removes sandboxes that belong to no pod.
 */
export async function runtimeAlone(bench: Bench, cluster: K8tsCluster): Promise<void> {
  const { nodes } = await cluster.status()
  const [node] = nodes
  if (node?.pid === undefined) throw new Error('the node does not run')
  const { pid, name } = node
  let isHalted = true
  const goOn = () => {
    if (isHalted) process.kill(pid, 'SIGCONT')
    isHalted = false
  }
  process.kill(pid, 'SIGSTOP')
  bench.defer(goOn)
  const runtime = await openCriRuntime({ socket: cluster.folder.node(name).containerdSocket })
  try {
    await measureRuntime(bench, runtime, join(bench.folder, 'cri-logs'))
  } finally {
    await runtime.close()
    goOn()
  }
}

async function measureRuntime(bench: Bench, runtime: ContainerRuntime, logs: string): Promise<void> {
  const remove = async (sandboxes: readonly string[]) => {
    await Promise.all(
      sandboxes.map(async (sandbox) => {
        await runtime.stopSandbox(sandbox)
        await runtime.removeSandbox(sandbox)
      }),
    )
  }
  await remove([(await runPod(runtime, logs)).sandbox])
  const runs = await repeat(5, async () => {
    const { sandbox, ms } = await runPod(runtime, logs)
    await remove([sandbox])
    return ms
  })
  bench.add({
    name: 'container runtime alone: one sandbox and container',
    value: median(runs),
    unit: 'ms',
    runs,
    kubernetes: 155,
  })
  const start = performance.now()
  const many = await Promise.all(Array.from({ length: 30 }, () => runPod(runtime, logs)))
  bench.add({
    name: 'container runtime alone: 30 at once',
    value: (performance.now() - start) / 1000,
    unit: 's',
  })
  await remove(many.map(({ sandbox }) => sandbox))
}

async function runPod(runtime: ContainerRuntime, logs: string): Promise<{ sandbox: string; ms: number }> {
  const config = aSandbox(logs)
  const start = performance.now()
  const sandbox = await runtime.runSandbox(config)
  const container = await runtime.createContainer(sandbox, aContainer(), config)
  await runtime.startContainer(container)
  return { sandbox, ms: performance.now() - start }
}

const namespaces: Namespaces = { network: 'pod', pid: 'container', ipc: 'pod' }

function aSandbox(logs: string): SandboxConfig {
  const uid = randomUUID()
  return {
    name: `alone-${uid}`,
    namespace: 'bench',
    uid,
    attempt: 0,
    hostname: 'alone',
    logDirectory: join(logs, uid),
    portMappings: [],
    labels: {},
    annotations: {},
    runtimeHandler: '',
    cgroupParent: '',
    sysctls: {},
    security: {
      namespaces,
      supplementalGroups: [],
      privileged: false,
      seccomp: { type: 'RuntimeDefault' },
    },
  }
}

function aContainer(): ContainerConfig {
  const [{ name, command = [] }] = benchPodSpec.containers as [{ name: string; command?: readonly string[] }]
  return {
    name,
    attempt: 0,
    image: { image: benchImage },
    command,
    args: [],
    workingDir: '',
    environment: [],
    mounts: [],
    devices: [],
    cdiDevices: [],
    labels: {},
    annotations: {},
    logPath: `${name}.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: {},
    security: {
      namespaces,
      privileged: false,
      addCapabilities: [],
      dropCapabilities: [],
      readonlyRootfs: false,
      supplementalGroups: [],
      noNewPrivileges: false,
      maskedPaths: [],
      readonlyPaths: [],
      seccomp: { type: 'RuntimeDefault' },
    },
  }
}
