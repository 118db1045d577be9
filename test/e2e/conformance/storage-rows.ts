import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  Volume,
  VolumeMount,
} from '../../../src/api/generated/core.v1.ts'
import type { PodRow } from './pod-row.ts'

const objectOf = (kind: string) => ({
  apiVersion: 'v1',
  kind,
  metadata: { name: 'source' },
  data: kind === 'Secret' ? { key: btoa('value') } : { key: 'value' },
})

type VolumeSource = Omit<Volume, 'name'>

interface FileOptions {
  readonly items?: readonly KeyToPath[]
  readonly defaultMode?: number
}

interface Source {
  readonly kind: 'ConfigMap' | 'Secret'
  /** How it is mounted; with items, or a mode for all files. */
  readonly volume: (options: FileOptions) => VolumeSource
}

const projection =
  (kind: 'configMap' | 'secret') =>
  ({ items, defaultMode }: FileOptions): VolumeSource => ({
    projected: {
      ...(defaultMode !== undefined && { defaultMode }),
      sources: [{ [kind]: { name: 'source', ...(items && { items }) } }],
    },
  })

const sources: Readonly<Record<string, Source>> = {
  'a config map': {
    kind: 'ConfigMap',
    volume: (options) => ({ configMap: { name: 'source', ...options } }),
  },
  'a projected config map': { kind: 'ConfigMap', volume: projection('configMap') },
  'a secret': {
    kind: 'Secret',
    volume: (options) => ({ secret: { secretName: 'source', ...options } }),
  },
  'a projected secret': { kind: 'Secret', volume: projection('secret') },
}

const mount: VolumeMount = { name: 'volume', mountPath: '/volume' }
const nonRoot = { securityContext: { runAsUser: 1000 } }
const show = (path: string) => `stat -L -c %a /volume/${path}; cat /volume/${path}`

function rowsOf(name: string, { kind, volume }: Source): readonly PodRow[] {
  const objects = [objectOf(kind)]
  const container = { volumeMounts: [mount] }
  const row = (
    title: string,
    options: Parameters<Source['volume']>[0],
    script: string,
    prints: string,
    spec: PodRow['spec'] = {},
  ): PodRow => {
    return {
      title,
      objects,
      container,
      script,
      prints,
      spec: { volumes: [{ name: 'volume', ...volume(options) }], ...spec },
    }
  }
  const items = [{ key: 'key', path: 'path/to/it' }]
  const owned = { securityContext: { runAsUser: 1000, fsGroup: 1001 } }
  return [
    row(`${name} in a volume`, {}, show('key'), '644\nvalue'),
    row(`${name} in a volume, as another user`, {}, 'cat /volume/key', 'value', nonRoot),
    row(`${name} in a volume, with a mode`, { defaultMode: 0o400 }, show('key'), '400\nvalue'),
    row(`${name} in a volume, under paths`, { items }, show('path/to/it'), '644\nvalue'),
    row(
      `${name} in a volume, under paths, as another user`,
      { items },
      'cat /volume/path/to/it',
      'value',
      nonRoot,
    ),
    row(
      `${name} in a volume, under paths with a mode`,
      { items: items.map((item) => ({ ...item, mode: 0o400 })) },
      show('path/to/it'),
      '400\nvalue',
    ),
    row(
      `${name} in a volume, with a mode, of a group`,
      { defaultMode: 0o440 },
      'stat -L -c %g /volume/key; cat /volume/key',
      '1001\nvalue',
      owned,
    ),
    {
      title: `${name} in two volumes`,
      objects,
      container: { volumeMounts: [mount, { name: 'other', mountPath: '/other' }] },
      spec: {
        volumes: [
          { name: 'volume', ...volume({}) },
          { name: 'other', ...volume({}) },
        ],
      },
      script: 'cat /volume/key /other/key',
      prints: 'valuevalue',
    },
  ]
}

const containerName = 'main'
const amount = (resource: string, divisor: string) => ({
  path: 'file',
  resourceFieldRef: { containerName, resource, divisor },
})
const resources = {
  requests: { cpu: '250m', memory: '32Mi' },
  limits: { cpu: '1250m', memory: '64Mi' },
}

const downwardSources = {
  'the downward API': (items: readonly DownwardAPIVolumeFile[], defaultMode?: number): VolumeSource => ({
    downwardAPI: { items, ...(defaultMode !== undefined && { defaultMode }) },
  }),
  'a projected downward API': (
    items: readonly DownwardAPIVolumeFile[],
    defaultMode?: number,
  ): VolumeSource => ({
    projected: { sources: [{ downwardAPI: { items } }], ...(defaultMode !== undefined && { defaultMode }) },
  }),
}

function downwardRows(
  name: string,
  volume: (typeof downwardSources)[keyof typeof downwardSources],
): readonly PodRow[] {
  const row = (
    title: string,
    items: readonly DownwardAPIVolumeFile[],
    prints: PodRow['prints'] & {},
    defaultMode?: number,
    more: PodRow['container'] = { resources },
  ): PodRow => ({
    title,
    container: { volumeMounts: [mount], ...more },
    spec: { volumes: [{ name: 'volume', ...volume(items, defaultMode) }] },
    script: show('file'),
    prints,
  })
  const podName = { path: 'file', fieldRef: { fieldPath: 'metadata.name' } }
  return [
    row(`its name by ${name}`, [podName], '644\npod'),
    row(`its name by ${name}, with a mode for all`, [podName], '400\npod', 0o400),
    row(`its name by ${name}, with a mode of its own`, [{ ...podName, mode: 0o400 }], '400\npod'),
    row(`its CPU limit by ${name}`, [amount('limits.cpu', '1m')], '644\n1250'),
    row(`its memory limit by ${name}`, [amount('limits.memory', '1Mi')], '644\n64'),
    row(`its CPU request by ${name}`, [amount('requests.cpu', '1m')], '644\n250'),
    row(`its memory request by ${name}`, [amount('requests.memory', '1Mi')], '644\n32'),
    row(`the CPUs of its node by ${name}`, [amount('limits.cpu', '1')], /^644\n[1-9]\d*$/, undefined, {}),
    row(
      `the memory of its node by ${name}`,
      [amount('limits.memory', '1')],
      /^644\n[1-9]\d+$/,
      undefined,
      {},
    ),
  ]
}

const emptyDirs = [
  ['root', 'disk', {}, {}],
  ['root', 'memory', { medium: 'Memory' }, {}],
  ['another user', 'disk', {}, nonRoot],
  ['another user', 'memory', { medium: 'Memory' }, nonRoot],
] as const

const emptyDirRows: readonly PodRow[] = emptyDirs.flatMap(([user, medium, emptyDir, spec]): PodRow[] => {
  const volumes = [{ name: 'volume', emptyDir }]
  const container = { volumeMounts: [mount] }
  const isTmpfs = "grep -q ' /volume tmpfs ' /proc/mounts && echo memory || echo disk"
  return [
    ...['644', '666', '777'].map((mode) => ({
      title: `files of mode ${mode} that ${user} writes to ${medium}`,
      container,
      spec: { volumes, ...spec },
      script: `echo content > /volume/file; chmod ${mode} /volume/file; ${show('file')}; ${isTmpfs}`,
      prints: `${mode}\ncontent\n${medium}\n`,
    })),
    {
      title: `a folder on ${medium} that ${user} may write to`,
      container,
      spec: { volumes, ...spec },
      script: `stat -c %a /volume; ${isTmpfs}`,
      // The kernel makes the root of a tmpfs sticky.
      prints: `${medium === 'memory' ? '1777' : '777'}\n${medium}\n`,
    },
  ]
})

const subPath = { name: 'volume', mountPath: '/volume/file', subPath: 'key' }
const subPathRow = (title: string, volume: VolumeSource, kind?: string): PodRow => ({
  title,
  ...(kind !== undefined && { objects: [objectOf(kind)] }),
  container: { volumeMounts: [subPath] },
  spec: { volumes: [{ name: 'volume', ...volume }] },
  script: 'cat /volume/file',
  prints: kind === undefined ? 'pod' : 'value',
})

const downwardName = [{ path: 'key', fieldRef: { fieldPath: 'metadata.name' } }]

/** What a pod finds in its volumes. */
export const storageRows: readonly PodRow[] = [
  ...Object.entries(sources).flatMap(([name, source]) => rowsOf(name, source)),
  ...Object.entries(downwardSources).flatMap(([name, volume]) => downwardRows(name, volume)),
  ...emptyDirRows,
  {
    title: 'binary data of a config map',
    objects: [
      { ...objectOf('ConfigMap'), binaryData: { bytes: Buffer.from([0xde, 0xca, 0xfe]).toString('base64') } },
    ],
    container: { volumeMounts: [mount] },
    spec: { volumes: [{ name: 'volume', configMap: { name: 'source' } }] },
    script: 'cat /volume/key; echo; hexdump -v -e \'1/1 "%02x"\' /volume/bytes',
    prints: 'value\ndecafe',
  },
  {
    title: 'a config map, a secret and the downward API in one volume',
    objects: [objectOf('ConfigMap'), { ...objectOf('Secret'), metadata: { name: 'hidden' } }],
    container: { volumeMounts: [mount] },
    spec: {
      volumes: [
        {
          name: 'volume',
          projected: {
            sources: [
              { configMap: { name: 'source', items: [{ key: 'key', path: 'settings' }] } },
              { secret: { name: 'hidden', items: [{ key: 'key', path: 'hidden' }] } },
              { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
            ],
          },
        },
      ],
    },
    script: 'cat /volume/settings /volume/hidden /volume/name',
    prints: 'valuevaluepod',
  },
  {
    title: 'a volume that its containers share',
    spec: {
      volumes: [{ name: 'volume', emptyDir: {} }],
      containers: ['one', 'two'].map((name) => ({
        name,
        image: 'k8ts.test/busybox:1',
        command: [
          'sh',
          '-c',
          `touch /volume/${name}; until [ -e /volume/one -a -e /volume/two ]; do :; done`,
        ],
        volumeMounts: [mount],
      })),
    },
  },
  {
    title: 'a config map and a secret that are mounted beside one another',
    objects: [objectOf('ConfigMap'), objectOf('Secret')],
    container: { volumeMounts: [mount, { name: 'hidden', mountPath: '/hidden' }] },
    spec: {
      volumes: [
        { name: 'volume', configMap: { name: 'source' } },
        { name: 'hidden', secret: { secretName: 'source' } },
      ],
    },
    script: 'cat /volume/key /hidden/key',
    prints: 'valuevalue',
  },
  subPathRow('one file of a config map', { configMap: { name: 'source' } }, 'ConfigMap'),
  subPathRow('one file of a secret', { secret: { secretName: 'source' } }, 'Secret'),
  subPathRow('one file of the downward API', { downwardAPI: { items: downwardName } }),
  subPathRow(
    'one file of a projected volume',
    { projected: { sources: [{ configMap: { name: 'source' } }] } },
    'ConfigMap',
  ),
  {
    title: 'one file of a config map in place of a file of its image',
    objects: [objectOf('ConfigMap')],
    container: { volumeMounts: [{ name: 'volume', mountPath: '/etc/passwd', subPath: 'key' }] },
    spec: { volumes: [{ name: 'volume', configMap: { name: 'source' } }] },
    script: 'cat /etc/passwd',
    prints: 'value',
  },
]
