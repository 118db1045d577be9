import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfiguration, readConfigurations } from './configuration.ts'
import { kubeletConfiguration } from './describe-options.ts'

const header = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n'
const read = (body: string) => readConfiguration(header + body)

test('readConfiguration makes options of what the file says', () => {
  const {
    options: { configuration, ...options },
    server,
  } = read(`
address: 127.0.0.1
port: 10300
tlsCertFile: /pki/kubelet.crt
tlsPrivateKeyFile: /pki/kubelet.key
authentication: {x509: {clientCAFile: /pki/ca.crt}, webhook: {enabled: true}, anonymous: {enabled: false}}
authorization: {mode: Webhook}
tlsCipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]
tlsMinVersion: VersionTLS13
clusterDNS: [10.96.0.10]
clusterDomain: example.local
maxPods: 50
podPidsLimit: 1000
evictionHard: {memory.available: 200Mi}
mergeDefaultEvictionSettings: true
evictionSoft: {memory.available: 10%}
evictionSoftGracePeriod: {memory.available: 1m30s}
imageGCHighThresholdPercent: 90
imageMinimumGCAge: 5m
systemReserved: {cpu: 100m, memory: 100Mi}
kubeReserved: {cpu: 200m}
containerLogMaxSize: 1Mi
crashLoopBackOff: {maxContainerRestartPeriod: 30s}
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
registerWithTaints: [{key: a, effect: NoSchedule}]
`)
  assert.equal(configuration?.maxPods, 50)
  assert.deepEqual(server, {
    address: '127.0.0.1',
    port: 10_300,
    tlsCertFile: '/pki/kubelet.crt',
    tlsPrivateKeyFile: '/pki/kubelet.key',
    tlsCipherSuites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'],
    tlsMinVersion: 'VersionTLS13',
    clientCAFile: '/pki/ca.crt',
    authenticateTokens: true,
    authorize: true,
  })
  assert.deepEqual(options, {
    failSwapOn: true,
    clusterDomain: 'example.local',
    clusterDNS: ['10.96.0.10'],
    maxPods: 50,
    podPidsLimit: 1000,
    containerLogMaxBytes: 1_048_576,
    maxContainerRestartPeriodMs: 30_000,
    registerTaints: [{ key: 'a', effect: 'NoSchedule' }],
    reserved: { milliCPU: 300, memoryBytes: 104_857_600 },
    eviction: {
      evictionHard: {
        'memory.available': '200Mi',
        'nodefs.available': '10%',
        'nodefs.inodesFree': '5%',
        'imagefs.available': '15%',
        'imagefs.inodesFree': '5%',
      },
      evictionSoft: { 'memory.available': '10%' },
      evictionSoftGracePeriodMs: { 'memory.available': 90_000 },
    },
    imageCollection: { imageGCHighThresholdPercent: 90, imageMinimumGCAgeMs: 300_000 },
    runtime: { type: 'cri', socket: 'unix:///run/containerd/containerd.sock' },
  })
})

test('readConfigurations takes each file over those before', () => {
  const files = [
    {
      name: 'kubelet.yaml',
      content: `${header}maxPods: 50\nclusterDNS: [10.0.0.1, 10.0.0.2]\nevictionHard: {memory.available: 200Mi}`,
    },
    { name: '10-a.conf', content: `${header}clusterDNS: [10.0.0.3]\nevictionHard: {nodefs.available: 5%}` },
    { name: '20-b.conf', content: `${header}maxPods: 60` },
  ]
  const { options } = readConfigurations(files)
  assert.equal(options.maxPods, 60)
  assert.deepEqual(options.clusterDNS, ['10.0.0.3'])
  assert.deepEqual(options.eviction?.evictionHard, { 'memory.available': '200Mi', 'nodefs.available': '5%' })
  assert.throws(() => readConfigurations([...files, { name: '30-c.conf', content: `${header}unknown: 1` }]), {
    message: '30-c.conf: strict decoding error: unknown field "unknown"',
  })
  const contradicting = `${header}serializeImagePulls: true`
  const parallel = { name: 'a', content: `${header}maxParallelImagePulls: 5` }
  assert.throws(() => readConfigurations([parallel, { name: 'b', content: contradicting }]), {
    message: /^maxParallelImagePulls: Invalid value: 5/,
  })
  assert.equal(readConfigurations([]).options.maxPods, undefined)
})

test('readConfiguration tells what containers may use and what the node says of itself', () => {
  const { options } = read(`
podsPerCore: 10
cpuCFSQuota: false
cpuCFSQuotaPeriod: 10ms
featureGates: {CustomCPUCFSQuotaPeriod: true}
singleProcessOOMKill: true
failCgroupV1: true
seccompDefault: true
nodeStatusMaxImages: -1
containerLogMaxWorkers: 4
containerLogMonitorInterval: 30s
registryPullQPS: 2
eventRecordQPS: 0
eventBurst: 7
`)
  const said = {
    podsPerCore: 10,
    cpuCFSQuota: false,
    cpuCFSQuotaPeriodMs: 10,
    singleProcessOOMKill: true,
    failCgroupV1: true,
    seccompDefault: true,
    nodeStatusMaxImages: -1,
    containerLogMaxWorkers: 4,
    containerLogMonitorIntervalMs: 30_000,
    registryPullQPS: 2,
    registryBurst: 10,
    eventRecordQPS: 0,
    eventBurst: 7,
  }
  for (const [name, value] of Object.entries(said)) {
    assert.equal(options[name as keyof typeof options], value, name)
  }
  const told: object = kubeletConfiguration({ runtime: { type: 'simulated' }, ...options })
  assert.deepEqual({ ...told, ...options.configuration }, told)
})

test('readConfiguration tells which limits are held', () => {
  const { options } = read(`
enforceNodeAllocatable: [pods, system-reserved, kube-reserved-compressible]
systemReserved: {cpu: 500m, memory: 1Gi}
systemReservedCgroup: /system.slice
kubeReserved: {cpu: 250m, memory: 2Gi}
kubeReservedCgroup: /kube
`)
  assert.deepEqual(options.enforcement, {
    pods: true,
    reserved: [
      { owner: 'System', cgroup: '/system.slice', milliCPU: 500, memoryBytes: 2 ** 30 },
      { owner: 'Kube', cgroup: '/kube', milliCPU: 250 },
    ],
  })
  for (const none of ['[none]', '[]']) {
    assert.deepEqual(read(`enforceNodeAllocatable: ${none}`).options.enforcement, {
      pods: false,
      reserved: [],
    })
  }
  assert.equal(read('').options.enforcement, undefined)
  assert.equal(read('reservedSystemCPUs: 0-1').options.reservedSystemCPUs, '0-1')
})

test('readConfiguration serves nothing where the file says so', () => {
  assert.equal(read('enableServer: false').server, undefined)
})

test('readConfiguration knows how swap space is used', () => {
  assert.equal(read('').options.failSwapOn, true)
  const { options } = read('failSwapOn: false\nmemorySwap: {swapBehavior: LimitedSwap}')
  assert.deepEqual([options.failSwapOn, options.swapBehavior], [false, 'LimitedSwap'])
})

test('readConfiguration takes what is done anyhow', () => {
  read('syncFrequency: 60s\nfileCheckFrequency: 0s\ncgroupDriver: cgroupfs\nmemorySwap: {}')
})

test('readConfiguration names every mistake', () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['unknown: 1', /^strict decoding error: unknown field "unknown"$/],
    ['cpuManagerPolicy: static', /^cpuManagerPolicy: Forbidden: not supported; may only be "none"$/],
    [
      'memorySwap: {swapBehavior: UnlimitedSwap}',
      /^memorySwap.swapBehavior: Unsupported value: "UnlimitedSwap": supported values: "LimitedSwap", "NoSwap"$/,
    ],
    ['readOnlyPort: 10255', /^readOnlyPort: Forbidden: not supported; may only be 0$/],
    ['authentication: {anonymous: {enabled: true}}', /^authentication.anonymous.enabled: Forbidden/],
    ['authorization: {mode: None}', /^authorization.mode: Invalid value: "None": must be/],
    ['evictionHard: {memory.free: 1Mi}', /^evictionHard\[memory.free\]: Invalid value: .* unsupported/],
    ['evictionHard: {memory.available: 101%}', /^evictionHard\[memory.available\]: Invalid value: "101%"/],
    ['evictionSoft: {memory.available: 1Mi}', /^evictionSoftGracePeriod\[memory.available\]: Required value/],
    ['imageGCHighThresholdPercent: 70', /^imageGCLowThresholdPercent: Invalid value: 80: must be less than/],
    ['systemReserved: {pid: "1"}', /^systemReserved\[pid\]: Forbidden: only cpu and memory can be reserved$/],
    ['port: 70000', /^port: Invalid value: 70000/],
    ['shutdownGracePeriod: 500ms', /^shutdownGracePeriod: Invalid value: "500ms": must be either zero/],
    [
      'shutdownGracePeriod: 5s\nshutdownGracePeriodCriticalPods: 9s',
      /^shutdownGracePeriodCriticalPods: Invalid value: "9s": must be <= shutdownGracePeriod 5s$/,
    ],
    [
      'shutdownGracePeriod: 5s\nshutdownGracePeriodByPodPriority: [{priority: 1, shutdownGracePeriodSeconds: 5}]',
      /^shutdownGracePeriodByPodPriority: Forbidden/,
    ],
    [
      'crashLoopBackOff: {maxContainerRestartPeriod: 10m}',
      /^crashLoopBackOff.maxContainerRestartPeriod: Invalid value: "10m": must be between 1s and 5m0s$/,
    ],
    [
      'enableSystemLogHandler: false\nenableSystemLogQuery: true',
      /^enableSystemLogQuery: Forbidden: enableSystemLogHandler is required for enableSystemLogQuery$/,
    ],
    [
      'userNamespaces: {idsPerPod: 1000}',
      /^userNamespaces.idsPerPod: Invalid value: 1000: must be a multiple/,
    ],
    ['maxParallelImagePulls: 0', /^maxParallelImagePulls: Invalid value: 0: must be a positive number$/],
    [
      'serializeImagePulls: true\nmaxParallelImagePulls: 2',
      /^maxParallelImagePulls: Invalid value: 2: cannot be larger than 1 unless serializeImagePulls is false$/,
    ],
    [
      'imagePullCredentialsVerificationPolicy: Sometimes',
      /^imagePullCredentialsVerificationPolicy: Unsupported value: "Sometimes": supported values: /,
    ],
    [
      'preloadedImagesVerificationAllowlist: [a.example/a]',
      /^preloadedImagesVerificationAllowlist: Forbidden/,
    ],
    ['tlsCertFile: /a', /^tlsPrivateKeyFile: Required value/],
    [
      'tlsCipherSuites: [TLS_RSA_WITH_RC4_128_SHA]',
      /^tlsCipherSuites\[0\]: Invalid value: "TLS_RSA_WITH_RC4_128_SHA": Cipher suite TLS_RSA_WITH_RC4_128_SHA not supported or doesn't exist$/,
    ],
    [
      'tlsMinVersion: VersionTLS10',
      /^tlsMinVersion: Unsupported value: "VersionTLS10": supported values: "VersionTLS12", "VersionTLS13"$/,
    ],
    ['registryPullQPS: -1', /^registryPullQPS: Invalid value: -1/],
    ['eventBurst: -1', /^eventBurst: Invalid value: -1/],
    [
      'enforceNodeAllocatable: [all]',
      /^enforceNodeAllocatable\[0\]: Unsupported value: "all": supported values: .*"none"/,
    ],
    [
      'enforceNodeAllocatable: [pods, pods]',
      /^enforceNodeAllocatable\[1\]: Invalid value: "pods": duplicated/,
    ],
    [
      'enforceNodeAllocatable: [pods, none]',
      /^enforceNodeAllocatable: .*may not contain additional enforcements/,
    ],
    [
      'enforceNodeAllocatable: [system-reserved]\nsystemReserved: {cpu: 500m}',
      /^systemReservedCgroup: Required value: must be specified when "system-reserved" is enforced$/,
    ],
    [
      'enforceNodeAllocatable: [kube-reserved, kube-reserved-compressible]\nkubeReservedCgroup: /k\nkubeReserved: {cpu: 500m}',
      /^enforceNodeAllocatable: .*both "kube-reserved" and "kube-reserved-compressible" cannot be specified together$/,
    ],
    ['reservedSystemCPUs: 3-1', /^reservedSystemCPUs: Invalid value: "3-1": invalid range "3-1" \(3 > 1\)$/],
    [
      'reservedSystemCPUs: 0-1\nkubeReservedCgroup: /k',
      /^reservedSystemCPUs: Forbidden: can't be used with systemReservedCgroup or kubeReservedCgroup$/,
    ],
    ['podsPerCore: -1', /^podsPerCore: Invalid value: -1: must be greater than or equal to 0$/],
    [
      'nodeStatusMaxImages: -2',
      /^nodeStatusMaxImages: Invalid value: -2: must be greater than or equal to -1$/,
    ],
    [
      'containerLogMaxWorkers: 0',
      /^containerLogMaxWorkers: Invalid value: 0: must be greater than or equal to 1$/,
    ],
    [
      'containerLogMonitorInterval: 2s',
      /^containerLogMonitorInterval: Invalid value: "2s": must be greater than or equal to 3s$/,
    ],
    [
      'cpuCFSQuotaPeriod: 10ms',
      /^cpuCFSQuotaPeriod: Invalid value: "10ms": requires feature gate CustomCPUCFSQuotaPeriod$/,
    ],
    [
      'cpuCFSQuotaPeriod: 2s\nfeatureGates: {CustomCPUCFSQuotaPeriod: true}',
      /^cpuCFSQuotaPeriod: Invalid value: "2s": must be between 1ms and 1sec, inclusive$/,
    ],
  ]
  for (const [body, message] of rows) assert.throws(() => read(body), { message }, body)
})

test('readConfiguration tells how long pods have when the node goes down', () => {
  const periodsOf = (body: string) => read(body).options.shutdown?.periods
  assert.equal(periodsOf('shutdownGracePeriod: 0s'), undefined)
  assert.deepEqual(periodsOf('shutdownGracePeriod: 30s\nshutdownGracePeriodCriticalPods: 10s'), [
    { priority: 0, shutdownGracePeriodSeconds: 20 },
    { priority: 2_000_000_000, shutdownGracePeriodSeconds: 10 },
  ])
  const own = [{ priority: 5, shutdownGracePeriodSeconds: 7 }]
  assert.deepEqual(periodsOf(`shutdownGracePeriodByPodPriority: ${JSON.stringify(own)}`), own)
})

test('readConfiguration tells how images are pulled, and who may have them', () => {
  const { options } = read(`
serializeImagePulls: false
maxParallelImagePulls: 3
imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages
preloadedImagesVerificationAllowlist: [registry.example/*]
userNamespaces: {idsPerPod: 131072}
`)
  assert.equal(options.maxParallelImagePulls, 3)
  assert.equal(options.userNamespaceIDsPerPod, 131_072)
  assert.deepEqual(options.imageVerification, {
    policy: 'NeverVerifyAllowlistedImages',
    allowlist: ['registry.example/*'],
  })
  assert.equal(read('serializeImagePulls: true').options.maxParallelImagePulls, 1)
  assert.equal(read('').options.maxParallelImagePulls, undefined)
})

test('readConfiguration refuses what the caller refuses, with its reason', () => {
  const refusals = { clusterDomain: 'somebody else says it' }
  readConfiguration(`${header}maxPods: 5`, refusals)
  assert.throws(() => readConfiguration(`${header}clusterDomain: a.local`, refusals), {
    message: 'clusterDomain: Forbidden: somebody else says it',
  })
})

test('kubeletConfiguration tells what the file says, what follows from it, and what no file changes', () => {
  const { options } = read(
    'maxPods: 50\nevictionSoft: {memory.available: 10%}\nevictionSoftGracePeriod: {memory.available: 1m}',
  )
  const told = kubeletConfiguration({ runtime: { type: 'simulated' }, ...options }) as Record<string, unknown>
  assert.equal(told.kind, 'KubeletConfiguration')
  assert.equal(told.maxPods, 50)
  assert.deepEqual(told.evictionSoftGracePeriod, { 'memory.available': '1m' })
  assert.equal(told.imageGCHighThresholdPercent, 85)
  assert.equal(told.cpuManagerPolicy, 'none')
  assert.equal('staticPodURL' in told, false)
})
