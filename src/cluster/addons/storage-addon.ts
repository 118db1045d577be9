import type { ServiceAccount } from '../../api/generated/core.v1.ts'
import type { ClusterRole, ClusterRoleBinding } from '../../api/generated/rbac.v1.ts'
import type { StorageClass } from '../../api/generated/storage.v1.ts'
import { isDefaultClass } from '../../api/storage/default-storage-class.ts'
import { localPathProvisioner } from '../../api/storage/local-path.ts'

/**
 * The class of claims that name none. Called as in the other clusters that people have on their own machines (kind,
 * minikube) and on GKE, so that charts and manifests which name a class find it; what it makes is what kind's makes.
 */
export const standardStorageClass: StorageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { [isDefaultClass]: 'true' } },
  provisioner: localPathProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
}

const name = 'local-path-provisioner'

/** Who makes the directories, on every node. */
export const localPathServiceAccount: ServiceAccount = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace: 'kube-system' },
}

export const localPathRole: ClusterRole = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: `system:${name}` },
  rules: [
    { apiGroups: [''], resources: ['persistentvolumeclaims'], verbs: ['get', 'list', 'watch'] },
    {
      apiGroups: [''],
      resources: ['persistentvolumes'],
      verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
    },
    { apiGroups: ['storage.k8s.io'], resources: ['storageclasses'], verbs: ['get'] },
    { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
  ],
}

export const localPathRoleBinding: ClusterRoleBinding = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: `system:${name}` },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `system:${name}` },
  subjects: [{ kind: 'ServiceAccount', name, namespace: 'kube-system' }],
}
