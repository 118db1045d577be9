import type { PolicyRule } from '../../../src/api/generated/rbac.v1.ts'
import { driverName } from '../harness/csi-driver.ts'
import { nodeImage } from '../harness/node-image.ts'

const namespace = 'csi-example'
const name = 'csi-example'
const kubeletRoot = '/var/lib/kubelet'
const plugin = `${kubeletRoot}/plugins/${driverName}`
const variable = (key: string, value: string) => ({ name: key, value })
const hostPath = (volume: string, path: string, type: string) => ({ name: volume, hostPath: { path, type } })
const rule = (group: string, resources: string[], verbs: string[]): PolicyRule => ({
  apiGroups: [group],
  resources,
  verbs,
})

const rules: readonly PolicyRule[] = [
  rule('', ['persistentvolumes'], ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']),
  rule('', ['persistentvolumeclaims'], ['get', 'list', 'watch', 'update']),
  rule('', ['persistentvolumeclaims/status'], ['update', 'patch']),
  rule('', ['nodes'], ['get', 'list', 'watch']),
  rule('storage.k8s.io', ['storageclasses', 'csinodes'], ['get', 'list', 'watch']),
  rule('storage.k8s.io', ['volumeattachments'], ['get', 'list', 'watch', 'update', 'patch']),
  rule('storage.k8s.io', ['volumeattachments/status'], ['update', 'patch']),
  rule('storage.k8s.io', ['csistoragecapacities'], ['get', 'list', 'watch', 'create', 'update', 'delete']),
]

/** A driver's objects, with the paths of the host that drivers' manifests have; its volumes are kept in `folder`. */
export function driverManifests(folder: string): readonly object[] {
  const labels = { app: name }
  const endpoint = variable('CSI_ENDPOINT', '/csi/csi.sock')
  const driver = variable('DRIVER', driverName)
  const container = (program: string) => ({
    name: program,
    image: nodeImage,
    command: ['node', `/programs/${program}.mjs`],
  })
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSIDriver',
      metadata: { name: driverName },
      spec: {
        attachRequired: true,
        podInfoOnMount: true,
        storageCapacity: true,
        fsGroupPolicy: 'File',
        volumeLifecycleModes: ['Persistent', 'Ephemeral'],
      },
    },
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'csi' },
      provisioner: driverName,
      parameters: { colour: 'blue' },
      allowVolumeExpansion: true,
      volumeBindingMode: 'WaitForFirstConsumer',
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name, namespace },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: name,
            containers: [
              {
                ...container('driver'),
                securityContext: { privileged: true },
                env: [
                  endpoint,
                  variable('FOLDER', '/volumes'),
                  { name: 'NODE_ID', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
                ],
                volumeMounts: [
                  { name: 'plugin', mountPath: '/csi' },
                  { name: 'pods', mountPath: `${kubeletRoot}/pods`, mountPropagation: 'Bidirectional' },
                  { name: 'plugins', mountPath: `${kubeletRoot}/plugins`, mountPropagation: 'Bidirectional' },
                  { name: 'volumes', mountPath: '/volumes' },
                ],
              },
              {
                ...container('registrar'),
                env: [driver, variable('REGISTRATION_PATH', `${plugin}/csi.sock`)],
                volumeMounts: [
                  { name: 'plugin', mountPath: '/csi' },
                  { name: 'registration', mountPath: '/registration' },
                ],
              },
              {
                ...container('sidecars'),
                env: [endpoint, driver, variable('NAMESPACE', namespace)],
                volumeMounts: [{ name: 'plugin', mountPath: '/csi' }],
              },
            ],
            volumes: [
              hostPath('plugin', plugin, 'DirectoryOrCreate'),
              hostPath('registration', `${kubeletRoot}/plugins_registry`, 'Directory'),
              hostPath('pods', `${kubeletRoot}/pods`, 'Directory'),
              hostPath('plugins', `${kubeletRoot}/plugins`, 'Directory'),
              hostPath('volumes', folder, 'DirectoryOrCreate'),
            ],
          },
        },
      },
    },
  ]
}

/** The driver's pod on the only node, and what its containers are called. */
export const driverPod = ['-n', namespace, `daemonset/${name}`] as const
