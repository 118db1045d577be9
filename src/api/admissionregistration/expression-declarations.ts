import {
  boolDeclaration,
  dynDeclaration,
  intDeclaration,
  listDeclaration,
  mapDeclaration,
  nullableDeclaration,
  objectDeclaration,
  stringDeclaration,
  timestampDeclaration,
} from '../../machinery/cel/declaration.ts'

const groupVersionKind = {
  group: stringDeclaration,
  version: stringDeclaration,
}
const kindDeclaration = objectDeclaration('kubernetes.GroupVersionKind', {
  ...groupVersionKind,
  kind: stringDeclaration,
})
const resourceDeclaration = objectDeclaration('kubernetes.GroupVersionResource', {
  ...groupVersionKind,
  resource: stringDeclaration,
})
const userInfoDeclaration = objectDeclaration('kubernetes.UserInfo', {
  username: stringDeclaration,
  uid: stringDeclaration,
  groups: listDeclaration(stringDeclaration),
  extra: mapDeclaration(listDeclaration(stringDeclaration)),
})

/** The variable `request`: an AdmissionRequest without its objects. */
export const requestDeclaration = objectDeclaration('kubernetes.AdmissionRequest', {
  kind: kindDeclaration,
  resource: resourceDeclaration,
  subResource: stringDeclaration,
  requestKind: kindDeclaration,
  requestResource: resourceDeclaration,
  requestSubResource: stringDeclaration,
  name: stringDeclaration,
  namespace: stringDeclaration,
  operation: stringDeclaration,
  userInfo: userInfoDeclaration,
  dryRun: boolDeclaration,
  options: dynDeclaration,
})

const namespaceMetadataDeclaration = objectDeclaration('kubernetes.NamespaceMetadata', {
  name: stringDeclaration,
  generateName: stringDeclaration,
  namespace: stringDeclaration,
  labels: mapDeclaration(stringDeclaration),
  annotations: mapDeclaration(stringDeclaration),
  // Upstream's spelling, under which objects have nothing.
  UID: stringDeclaration,
  creationTimestamp: timestampDeclaration,
  deletionGracePeriodSeconds: intDeclaration,
  deletionTimestamp: timestampDeclaration,
  generation: intDeclaration,
  resourceVersion: stringDeclaration,
  finalizers: listDeclaration(stringDeclaration),
})
const namespaceConditionDeclaration = objectDeclaration('kubernetes.NamespaceCondition', {
  status: stringDeclaration,
  type: stringDeclaration,
  lastTransitionTime: timestampDeclaration,
  message: stringDeclaration,
  reason: stringDeclaration,
})

/**
 * The variable `namespaceObject`, which may be null: a Namespace without its kind, owners and managed fields. Source:
 * k8s.io/apiserver/pkg/admission/plugin/cel/compile.go, BuildNamespaceType.
 */
export const namespaceDeclaration = nullableDeclaration(
  objectDeclaration('kubernetes.Namespace', {
    metadata: namespaceMetadataDeclaration,
    spec: objectDeclaration('kubernetes.NamespaceSpec', { finalizers: listDeclaration(stringDeclaration) }),
    status: objectDeclaration('kubernetes.NamespaceStatus', {
      conditions: listDeclaration(namespaceConditionDeclaration),
      phase: stringDeclaration,
    }),
  }),
)
