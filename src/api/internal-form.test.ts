import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeFaults } from './testing/strategy-faults.ts'
import { internalDifference } from './internal-form.ts'

const rows: readonly (readonly [what: string, type: string, before: object, after: object, lines: string])[] =
  [
    [
      'what the server keeps in the security context',
      'core.v1.PodSpec',
      { containers: [], hostNetwork: true },
      { containers: [], hostUsers: false },
      `@@ -12,11 +12,11 @@
  "AutomountServiceAccountToken": null,
  "NodeName": "",
  "SecurityContext": {
-  "HostNetwork": true,
+  "HostNetwork": false,
   "HostPID": false,
   "HostIPC": false,
   "ShareProcessNamespace": null,
-  "HostUsers": null,
+  "HostUsers": false,
   "SELinuxOptions": null,
   "WindowsOptions": null,
   "RunAsUser": null,
`,
    ],
    [
      'Go names, and fields that nobody has set',
      'core.v1.PersistentVolumeSource',
      {},
      { rbd: { monitors: ['m'], image: 'i' } },
      `@@ -4,7 +4,18 @@
  "HostPath": null,
  "Glusterfs": null,
  "NFS": null,
- "RBD": null,
+ "RBD": {
+  "CephMonitors": [
+   "m"
+  ],
+  "RBDImage": "i",
+  "FSType": "",
+  "RBDPool": "",
+  "RadosUser": "",
+  "Keyring": "",
+  "SecretRef": null,
+  "ReadOnly": false
+ },
  "Quobyte": null,
  "ISCSI": null,
  "FlexVolume": null,
`,
    ],
    [
      'selectors and metadata as they are written',
      'core.v1.PersistentVolumeClaimSpec',
      {},
      { selector: { matchLabels: { a: 'b' } } },
      `@@ -1,6 +1,10 @@
 {
  "AccessModes": null,
- "Selector": null,
+ "Selector": {
+  "matchLabels": {
+   "a": "b"
+  }
+ },
  "Resources": {
   "Limits": null,
   "Requests": null
`,
    ],
  ]

for (const [what, type, before, after, lines] of rows)
  test(`internalDifference shows ${what}`, () => assert.equal(internalDifference(type, before, after), lines))

test('who changes what stays is shown what they change', () => {
  const claim = (accessMode: string) => ({
    metadata: { name: 'c' },
    spec: { accessModes: [accessMode], resources: { requests: { storage: '1Gi' } }, storageClassName: 's' },
  })
  const [fault = ''] = changeFaults('persistentvolumeclaims', claim('ReadWriteOnce'), claim('ReadWriteMany'))
  assert.equal(
    fault,
    `spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims
@@ -1,6 +1,6 @@
 {
  "AccessModes": [
-  "ReadWriteOnce"
+  "ReadWriteMany"
  ],
  "Selector": null,
  "Resources": {
`,
  )
})
