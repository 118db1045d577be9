/** What the configuration of a node's containerd says. Paths are absolute. */
export interface ContainerdSettings {
  readonly root: string
  readonly state: string
  readonly socket: string
  /** `1.6`, `1.7` or `2.x`: the format differs. */
  readonly version: ContainerdVersion
  readonly sandboxImage: string
  readonly cniPlugins: string
  readonly cniConfiguration: string
  /** `overlayfs`, or `native` where the file system below cannot carry an overlay. */
  readonly snapshotter: 'overlayfs' | 'native'
  /** For machines where containers may not lower their OOM score: without CAP_SYS_RESOURCE runc would fail. */
  readonly restrictOomScoreAdj: boolean
}

export interface ContainerdVersion {
  readonly major: number
  readonly minor: number
}

/** The version out of what `containerd --version` prints; undefined when it is not understood. */
export function parseContainerdVersion(output: string): ContainerdVersion | undefined {
  const match = /containerd \S+ v?(\d+)\.(\d+)/.exec(output)
  return match ? { major: Number(match[1]), minor: Number(match[2]) } : undefined
}

/** config.toml for a containerd that serves CRI on its own socket and leaves the system's alone. */
export function containerdConfig(settings: ContainerdSettings): string {
  return toml(settings.version.major >= 2 ? version3(settings) : version2(settings))
}

const unusedPlugins = [
  'io.containerd.internal.v1.opt',
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
]

const runc = {
  runtime_type: 'io.containerd.runc.v2',
  options: { SystemdCgroup: false },
}

/** containerd 1.6 and 1.7: docs/cri/config.md of those releases. */
function version2(settings: ContainerdSettings): Toml {
  return {
    version: 2,
    ...common(settings),
    plugins: {
      'io.containerd.grpc.v1.cri': {
        sandbox_image: settings.sandboxImage,
        restrict_oom_score_adj: settings.restrictOomScoreAdj,
        netns_mounts_under_state_dir: true,
        ...streaming,
        cni: { bin_dir: settings.cniPlugins, conf_dir: settings.cniConfiguration },
        containerd: {
          snapshotter: settings.snapshotter,
          default_runtime_name: 'runc',
          runtimes: { runc },
        },
        registry: { config_path: '/etc/containerd/certs.d' },
      },
    },
  }
}

/** containerd 2.x: the CRI plugin is three. */
function version3(settings: ContainerdSettings): Toml {
  return {
    version: 3,
    ...common(settings),
    plugins: {
      'io.containerd.grpc.v1.cri': streaming,
      'io.containerd.cri.v1.images': {
        snapshotter: settings.snapshotter,
        pinned_images: { sandbox: settings.sandboxImage },
        registry: { config_path: '/etc/containerd/certs.d' },
      },
      'io.containerd.cri.v1.runtime': {
        restrict_oom_score_adj: settings.restrictOomScoreAdj,
        netns_mounts_under_state_dir: true,
        cni: { bin_dir: settings.cniPlugins, conf_dir: settings.cniConfiguration },
        containerd: { default_runtime_name: 'runc', runtimes: { runc } },
      },
    },
  }
}

/** exec, attach and port-forward are served to the kubelet beside it, and to nobody else. */
const streaming = { disable_tcp_service: true, stream_server_address: '127.0.0.1', stream_server_port: '0' }

function common(settings: ContainerdSettings): Toml {
  return {
    root: settings.root,
    state: settings.state,
    disabled_plugins: unusedPlugins,
    grpc: { address: settings.socket },
    ttrpc: { address: `${settings.socket}.ttrpc` },
  }
}

type TomlValue = string | number | boolean | readonly string[] | Toml
interface Toml {
  readonly [key: string]: TomlValue
}

/** Values first, then tables: TOML v1.0. JSON's strings are TOML's basic strings. */
function toml(table: Toml, path: readonly string[] = []): string {
  const lines: string[] = []
  const tables: string[] = []
  for (const [key, value] of Object.entries(table)) {
    if (isTable(value)) tables.push(toml(value, [...path, JSON.stringify(key)]))
    else lines.push(`${JSON.stringify(key)} = ${JSON.stringify(value)}\n`)
  }
  const head = path.length > 0 && lines.length > 0 ? `\n[${path.join('.')}]\n` : ''
  return head + lines.join('') + tables.join('')
}

function isTable(value: TomlValue): value is Toml {
  return typeof value === 'object' && !Array.isArray(value)
}
