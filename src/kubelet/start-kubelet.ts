import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Pod, PodStatus } from '../api/generated/core.v1.ts'
import {
  configMaps,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  runtimeClasses,
  secrets,
  services as serviceResource,
} from '../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { createEventRecorder } from '../client/event-recorder/event-recorder.ts'
import { featureGatesWith } from '../machinery/feature-gates.ts'
import { keyOf } from '../machinery/resource.ts'
import { isNotFound } from '../machinery/status-errors.ts'
import { defined } from './configuration/defined.ts'
import { kubeletConfiguration } from './configuration/describe-options.ts'
import { kubeletFlags } from './configuration/describe-flags.ts'
import { noPodResources } from './devices/pod-resources.ts'
import type { RunningDevices } from './devices/start-devices.ts'
import type { EvictionManager } from './eviction/eviction-manager.ts'
import { guardNode } from './eviction/guard-node.ts'
import { createImagePuller } from './images/image-puller.ts'
import { imageVolumeProblem } from './images/image-volume-support.ts'
import { createLogRotator } from './logs/log-rotation.ts'
import { parseResolvConf } from './network/dns.ts'
import { followPodCIDRs } from './network/pod-cidrs.ts'
import {
  describeNode,
  eventRate,
  openRecords,
  openRuntime,
  openUsers,
  pathsOf,
  pullRate,
  readResolvConf,
  refuseSwap,
  resourcesNode,
  setUpCgroups,
} from './node-environment.ts'
import { measuredCgroups } from './metrics/measured-cgroups.ts'
import { createPodMetrics } from './metrics/pod-metrics.ts'
import { createStorageMetrics, observeVolumes } from './metrics/storage-metrics.ts'
import { inspectMachine, primaryAddress } from './node/machine.ts'
import { keepNodeLease } from './node/node-lease.ts'
import { resourcesOf } from './node/node-object.ts'
import { aboutNode, createNodeReporter } from './node/node-reporter.ts'
import { tellOfMachine } from './node/tell-of-machine.ts'
import { createObjectTracker } from './objects/object-tracker.ts'
import type { KubeletOptions, KubeletServerOptions, ServingCertificate } from './options.ts'
import { startPlugins } from './plugins/start-plugins.ts'
import { restartBackoff } from './pods/backoff.ts'
import { openComponentPods } from './pods/component-pods.ts'
import { removePodLeftovers } from './pods/leftovers.ts'
import { observerMetrics } from './pods/observer-metrics.ts'
import { createObserver } from './pods/observer.ts'
import { createPodManager } from './pods/pod-manager.ts'
import { isStaticPod } from './pods/pod.ts'
import type { PodServices } from './pods/services.ts'
import { createStatusWriter } from './pods/status-writer.ts'
import { createProbeMetrics } from './probes/probe-metrics.ts'
import { createRuntimeMonitor } from './runtime/runtime-monitor.ts'
import { startKubeletServer } from './server/kubelet-server.ts'
import { systemLogsOf } from './server/system-logs/system-log-options.ts'
import { observePods } from './server/pod-metrics.ts'
import type { ShutdownManager } from './shutdown/shutdown-manager.ts'
import { shutdownRefusal } from './shutdown/shutdown-refusal.ts'
import { createMirrorPods } from './static/mirror-pods.ts'
import { watchStaticPods, type StaticPodSource } from './static/static-pod-source.ts'
import type { RunningCsi } from './volumes/csi/start-csi.ts'
import { systemMounter } from './volumes/mounts.ts'
import type { PayloadSources } from './volumes/payload.ts'
import type { ClaimSource } from './volumes/persistent-volume.ts'
import { makeRootDirectory } from './volumes/root-directory.ts'
import { createTokenSource } from './volumes/token-source.ts'
import { createTrustAnchors } from './volumes/trust-anchors.ts'
import { createSimulatedVolumeManager, createVolumeManager } from './volumes/volume-manager.ts'

export interface RunningKubelet extends RunningComponent {
  /** Has its API show another certificate to whoever connects from now on. */
  presentCertificate(certificate: ServingCertificate): void
}

/** The node agent: registers this machine as a node, and runs the pods that are bound to it or stand in its manifests. */
export async function startKubelet(
  context: ComponentContext,
  options: KubeletOptions,
): Promise<RunningKubelet> {
  const { client, informers, clock, random } = context
  const nodeName = options.nodeName ?? hostname().toLowerCase()
  const log = context.log.with({ component: 'kubelet', node: nodeName })
  const annotationsOf = (namespace: string, name: string) =>
    podInformer.get(`${namespace}/${name}`)?.metadata?.annotations
  const runtime = await openRuntime(options.runtime, context, annotationsOf)
  const paths = pathsOf(options)
  if (runtime.usesHost) await makeRootDirectory(paths.rootDirectory, systemMounter)
  const machine = options.machine ?? (await inspectMachine(runtime.usesHost ? paths.rootDirectory : '/'))
  if (runtime.usesHost) refuseSwap(options, machine)
  const nodeIPs = options.nodeIPs ?? [primaryAddress()]
  const started = Promise.withResolvers<void>()
  const probeMetrics = createProbeMetrics()
  /** Nothing looks after the node before it is registered: until then it has no pods. */
  let guard: EvictionManager | undefined
  const server = options.server && (await startServer(options.server))
  const description = describeNode(options, {
    name: nodeName,
    addresses: nodeIPs,
    port: server?.port ?? 0,
    machine,
  })
  const { allocatable } = resourcesOf(description)
  const cgroups = measuredCgroups(await setUpCgroups(runtime, options, description), context.metrics, clock)
  const podMetrics = createPodMetrics(context.metrics, clock)
  const nodeResources = resourcesNode(options, machine, cgroups)
  const resolver = parseResolvConf(await readResolvConf(options.resolvConf))
  const recorder = createEventRecorder({
    client,
    component: 'kubelet',
    host: nodeName,
    clock,
    log,
    ...defined({ rate: eventRate(options) }),
  })
  const monitor = createRuntimeMonitor({ runtime, clock, onChange: () => reporter.changed() })
  const users = await openUsers(runtime, options, paths, () => monitor.status?.handlers)
  const pullRecords = await openRecords(runtime, options, paths, context)
  const podInformer = informers.informer(pods, { fieldSelector: `spec.nodeName=${nodeName}` })
  const nodeInformer = informers.informer(nodes, { fieldSelector: `metadata.name=${nodeName}` })
  const serviceInformer = informers.informer(serviceResource)
  let csi: RunningCsi | undefined
  let devices: RunningDevices | undefined
  let shutdown: ShutdownManager | undefined
  /** All pods are known: what belongs to none of them is a leftover. */
  let knowsPods = false
  const version = await runtime.version()
  const reporter = createNodeReporter({
    client,
    clock,
    log,
    recorder,
    runtime,
    version,
    monitor,
    description,
    volumesInUse: () => csi?.inUse() ?? [],
    devices: () => devices?.amounts() ?? {},
    pressures: () => guard?.pressures ?? new Set(),
    problems: () => [observer.health(), shutdown?.problem].filter((problem) => problem !== undefined),
    cached: () => nodeInformer.get(nodeName),
  })
  const tracker = { client, clock, log, onChange: (podUID: string) => manager.objectChanged(podUID) }
  const configMapTracker = createObjectTracker({ ...tracker, resource: configMaps })
  const secretTracker = createObjectTracker({ ...tracker, resource: secrets })
  const tokens = createTokenSource({ client, clock, random })
  const { ClusterTrustBundleProjection: projectsBundles } = featureGatesWith(options.featureGates)
  const trustAnchors = createTrustAnchors({
    ...context,
    isEnabled: projectsBundles,
    onChange: (podUID) => manager.objectChanged(podUID),
  })
  const statusWriter = createStatusWriter({ client, clock, log })
  const mirrors = createMirrorPods({
    client,
    clock,
    log,
    find: (key) => podInformer.get(key),
    node: () => reporter.node,
  })

  const sources: PayloadSources = {
    configMap: (namespace, name) => configMapTracker.get(namespace, name),
    secret: (namespace, name) => secretTracker.get(namespace, name),
    tokens,
    trustAnchors,
    facts: (podUID) => ({
      podIPs: observer.get(podUID).sandboxes[0]?.ips ?? [],
      hostIPs: nodeIPs,
      allocatable,
    }),
  }
  const claims: ClaimSource = {
    claim: (namespace, name) => client.get(persistentVolumeClaims, { namespace, name }),
    volume: (name) => client.get(persistentVolumes, { name }),
  }
  if (runtime.usesHost) [csi, devices] = await Promise.all([openCsi(), openDevices()])
  const volumes = runtime.usesHost
    ? createVolumeManager({
        rootDirectory: paths.rootDirectory,
        cni: options.cni,
        mounter: systemMounter,
        sources,
        claims,
        ...(csi && { csi: csi.volumes }),
        allocatableMemory: allocatable.memory,
        tmpfs: process.getuid?.() === 0,
        metrics: createStorageMetrics(context.metrics, clock),
      })
    : createSimulatedVolumeManager(sources, claims)

  /** What could not be taken back before may be now. */
  function onDriver(): void {
    if (!knowsPods) return
    removeLeftovers().catch((error: unknown) => log.warn('removing leftovers failed', { error }))
  }

  /** gRPC and CSI's messages are loaded only where they are used. */
  async function openCsi(): Promise<RunningCsi> {
    const { startCsi } = await import('./volumes/csi/start-csi.ts')
    return await startCsi({
      rootDirectory: paths.rootDirectory,
      nodeName,
      client,
      clock,
      recorder,
      tokens,
      registered: reporter.registered,
      reportedInUse: () => reporter.node?.status?.volumesInUse ?? [],
      onInUseChange: () => reporter.changed(),
      onDriver,
    })
  }
  /** Plugins and drivers of devices: loaded as CSI is. */
  async function openDevices(): Promise<RunningDevices> {
    const { startDevices } = await import('./devices/start-devices.ts')
    return await startDevices({
      rootDirectory: paths.rootDirectory,
      nodeName,
      client,
      clock,
      log,
      metrics: context.metrics,
      onChange(podUIDs) {
        reporter.changed()
        for (const uid of podUIDs) manager.observed(uid)
      },
      onDriver,
    })
  }
  const observer = createObserver({
    runtime,
    clock,
    log,
    onChange: (uid) => manager.observed(uid),
    ...(runtime.usesHost && { metrics: observerMetrics(context.metrics, clock) }),
  })

  const services: PodServices = {
    runtime,
    observer,
    clock,
    log,
    recorder,
    volumes,
    mounter: systemMounter,
    images: createImagePuller({
      runtime,
      clock,
      records: pullRecords,
      ...defined({
        maxParallelPulls: options.maxParallelImagePulls,
        rate: pullRate(options),
      }),
    }),
    cgroups,
    users,
    resources: devices?.resources ?? noPodResources,
    probeMetrics,
    podMetrics,
    restartBackoff: restartBackoff(options.maxContainerRestartPeriodMs),
    paths,
    node: {
      hostIPs: () => nodeIPs,
      allocatable: () => allocatable,
      resources: () => nodeResources,
      seccompDefault: options.seccompDefault ?? false,
      dns: () => ({
        clusterDNS: options.clusterDNS ?? [],
        clusterDomain: options.clusterDomain ?? 'cluster.local',
        node: resolver,
      }),
      supportsRecursiveReadOnly: (handler) =>
        monitor.status?.handlers?.find(({ name }) => name === handler)?.recursiveReadOnlyMounts ?? false,
      imageVolumeProblem: () => imageVolumeProblem(version),
    },
    configMap: sources.configMap,
    secret: sources.secret,
    networkReady: (signal) => monitor.networkReady(signal),
    async services() {
      await serviceInformer.synced
      return serviceInformer.list()
    },
    async runtimeHandler(name) {
      return (await client.get(runtimeClasses, { name })).handler
    },
    writeStatus(pod, status) {
      const target = isStaticPod(pod) ? mirrors.mirrorOf(pod) : pod
      if (target) statusWriter.write(target, status)
    },
    deletePod,
    refreshVolumesAtMs: (uid) => Math.min(tokens.refreshAtMs(uid), volumes.refreshAtMs(uid)),
  }

  /** The pod's object goes when nothing of it runs any more: until then its name is taken. */
  async function deletePod(pod: Pod, status: PodStatus): Promise<void> {
    await statusWriter.flush(pod, status)
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {}
    try {
      await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  const components = await openComponentPods({
    services,
    sources,
    nodeAddress: () => nodeIPs[0] ?? '',
    ...(options.staticPodDirectory !== undefined && {
      stateDirectory: join(paths.rootDirectory, 'components'),
    }),
    onChange: (uid) => manager.observed(uid),
  })

  const manager = createPodManager({
    services,
    components: components.services,
    informer: podInformer,
    log,
    node: () => reporter.node,
    policy: {
      allowedUnsafeSysctls: options.allowedUnsafeSysctls ?? [],
      hasAppArmor: machine.hasAppArmor,
      isPluginResource: services.resources.isPluginResource,
    },
    track(uid, references) {
      configMapTracker.track(uid, references.configMaps)
      secretTracker.track(uid, references.secrets)
      trustAnchors.track(uid, references.usesTrustBundles)
    },
    closed: () => (shutdown?.problem === undefined ? undefined : shutdownRefusal),
    pressures: () => guard?.pressures ?? new Set(),
    onMirror: (key) => mirrors.changed(key),
    onPodsChange(active) {
      cgroups.balance(active).catch((error: unknown) => log.warn('sharing CPU among pods failed', { error }))
    },
    forget: (uid) => statusWriter.forget(uid),
  })
  observePods(context.metrics, nodeName, () => manager.pods())
  observeVolumes(
    context.metrics,
    () => manager.pods().filter((pod) => manager.servicesOf(pod) === services),
    (pod) => new Set(volumes.volumesOf(pod.metadata?.uid ?? '').keys()),
  )
  const rotator = createLogRotator({
    runtime,
    clock,
    log,
    observer,
    ...defined({
      maximumBytes: options.containerLogMaxBytes,
      maximumFiles: options.containerLogMaxFiles,
      workers: options.containerLogMaxWorkers,
      checkPeriodMs: options.containerLogMonitorIntervalMs,
    }),
  })

  /** The port is open before the node tells its number; requests wait for the rest of this function. */
  async function startServer(serverOptions: KubeletServerOptions) {
    return await startKubeletServer(
      {
        started: started.promise,
        nodeName,
        client,
        clock,
        random: context.random,
        log,
        metrics: context.metrics,
        probeMetrics: probeMetrics.metrics,
        machine,
        cgroupRoot: options.cgroupRoot ?? '/',
        pods: () => manager.pods(),
        find: (namespace, name) => manager.find(namespace, name),
        servicesOf: (pod) => manager.servicesOf(pod),
        get runtimes() {
          return [services, components.services]
        },
        health: () => monitor.runtimeProblem ?? observer.health(),
        configuration: () => kubeletConfiguration(options),
        flags: () => kubeletFlags({ ...options, nodeName, rootDirectory: paths.rootDirectory }),
        systemLogs: systemLogsOf(options, runtime.usesHost),
      },
      serverOptions,
      paths.rootDirectory,
    )
  }

  await Promise.all([monitor.check(), observer.relist(), components.look()])
  observer.start(() => !manager.isEmpty)
  components.start()
  let staticSource: StaticPodSource | undefined
  if (options.staticPodDirectory !== undefined) {
    staticSource = await watchStaticPods({
      directory: options.staticPodDirectory,
      nodeName,
      clock,
      log,
      onPods(found) {
        manager.setStatic(found)
        mirrors.setStatic(found)
      },
    })
  }

  const podCIDRs = await followPodCIDRs({
    nodes: nodeInformer,
    fixed: options.podCIDRs,
    cni: options.cni,
    runtime,
    monitor,
    log,
  })
  started.resolve()
  const removeLeftovers = () =>
    removePodLeftovers({
      paths,
      volumes,
      cgroups,
      users,
      log,
      devices,
      isKnown: (uid) => manager.findByUID(uid) !== undefined,
    })

  const plugins =
    csi &&
    devices &&
    startPlugins({
      rootDirectory: paths.rootDirectory,
      handlers: { CSIPlugin: csi.handler, ...devices.handlers },
      when: reporter.registered.then(() =>
        csi.announce().catch((error: unknown) => log.warn('making the CSINode failed', { error })),
      ),
      clock,
      log,
    })
  if (options.shutdown) {
    const { openShutdown } = await import('./shutdown/open-shutdown.ts')
    shutdown = openShutdown({
      settings: options.shutdown,
      manager,
      clock,
      log,
      metrics: context.metrics,
      // The machine ends its own processes itself.
      isOurs: (pod) => manager.servicesOf(pod) === services,
      onChange: () => reporter.changed(),
    })
  }
  const lease = keepNodeLease({ client, clock, random, log, nodeName, node: () => reporter.node })
  let stopping = false
  const ready = (async () => {
    await podInformer.synced
    if (stopping) return
    manager.start()
    knowsPods = true
    if (runtime.usesHost) await removeLeftovers()
    for (const pod of podInformer.list()) if (isStaticPod(pod)) mirrors.changed(keyOf(pod))
    const node = await reporter.registered
    mirrors.nodeRegistered()
    if (runtime.usesHost) await tellOfMachine(recorder, node, machine, options.enforcement)
    if (stopping) return
    guard = guardNode({
      runtime,
      observer,
      manager,
      clock,
      log,
      recorder,
      node: aboutNode(node),
      podMetrics,
      rootDirectory: paths.rootDirectory,
      eviction: options.eviction ?? {},
      images: options.imageCollection ?? {},
      pullRecords,
      onChange: () => reporter.changed(),
    })
  })()

  return {
    name: 'kubelet',
    ready,
    health: () => monitor.runtimeProblem ?? observer.health(),
    presentCertificate: (certificate) => server?.present(certificate),
    async stop() {
      stopping = true
      await server?.stop()
      podCIDRs.stop()
      staticSource?.stop()
      rotator.stop()
      guard?.stop()
      shutdown?.stop()
      monitor.stop()
      observer.stop()
      await plugins?.stop()
      csi?.stop()
      await devices?.stop()
      await Promise.all([manager.stop(), lease.stop(), reporter.stop(), mirrors.stop()])
      configMapTracker.stop()
      secretTracker.stop()
      trustAnchors.stop()
      await statusWriter.stop()
      await recorder.stop()
      await components.close()
      if (options.runtime.type !== 'given') await runtime.close()
      if (options.runtime.type === 'cri') await manager.idle()
    },
  }
}
