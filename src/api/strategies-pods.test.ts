import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSelectors } from './resource/selector-loader.ts'
import { faults, label, qualifiedName, subdomain } from './testing/strategy-faults.ts'

await loadSelectors()

/*
 * What upstream says of wrong pods, in its words: one row for each rule that is worth one.
 */

const podOf = (spec: object) => ({
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
})

const wrongPods: readonly (readonly [pod: object, ...faults: string[]])[] = [
  [
    podOf({ volumes: [{ name: 'v', iscsi: { targetPortal: 't', iqn: 'x', lun: 300 } }] }),
    'spec.volumes[0].iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa',
    'spec.volumes[0].iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive',
  ],
  [
    podOf({ os: { name: 'windows' }, hostPID: true, securityContext: { runAsUser: 1 } }),
    'spec.hostPID: Forbidden: cannot be set for a windows pod',
    'spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod',
  ],
  [
    podOf({
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        {
          name: 'c',
          image: 'i',
          volumeMounts: [
            { name: 'v', mountPath: '/v', mountPropagation: 'Bidirectional', recursiveReadOnly: 'Enabled' },
          ],
          resources: { claims: [{ name: 'gpu' }] },
          securityContext: { appArmorProfile: { type: 'Localhost' } },
        },
      ],
    }),
    'spec.containers[0].volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers',
    'spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true',
    'spec.containers[0].volumeMounts.recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not specified',
    'spec.containers[0].resources.claims[0]: Not found: "gpu": must be one of the names in pod.spec.resourceClaims which is empty',
    'spec.containers[0].securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is Localhost',
  ],
  [
    podOf({
      terminationGracePeriodSeconds: -1,
      hostUsers: false,
      hostPID: true,
      containers: [
        {
          name: 'c',
          image: ' i ',
          env: [
            { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.odd' } } },
            { name: 'B', valueFrom: { fieldRef: { fieldPath: "metadata.labels['a b']" } } },
            { name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '2' } } },
            { name: 'D', valueFrom: { secretKeyRef: { name: 'S', key: '..k' } } },
          ],
          resources: { limits: { wheels: '1', 'hugepages-2Mi': '3Mi', 'example.com/gpu': '500m' } },
          volumeDevices: [{ name: 'none', devicePath: '/a/../b' }],
          readinessProbe: { terminationGracePeriodSeconds: 5, exec: { command: ['a'] } },
          livenessProbe: { httpGet: { port: 80, httpHeaders: [{ name: 'a b' }] } },
        },
      ],
    }),
    'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.odd": error converting fieldPath: field label not supported: metadata.odd',
    `spec.containers[0].env[1].valueFrom.fieldRef: Invalid value: "a b": ${qualifiedName}`,
    'spec.containers[0].env[2].valueFrom.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 are supported with the cpu resource',
    `spec.containers[0].env[3].valueFrom.secretKeyRef.name: Invalid value: "S": ${subdomain}`,
    'spec.containers[0].env[3].valueFrom.secretKeyRef.key: Invalid value: "..k": must not start with \'..\'',
    'spec.containers[0].volumeDevices[0].name: Not found: "none"',
    'spec.containers[0].volumeDevices[0].devicePath: Invalid value: "/a/../b": can not contain backsteps (\'..\')',
    'spec.containers[0].resources.limits[wheels]: Invalid value: "wheels": must be a standard resource type or fully qualified',
    'spec.containers[0].resources.limits[wheels]: Invalid value: "wheels": must be a standard resource for containers',
    'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
    'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
    'spec.containers[0].resources.requests[wheels]: Invalid value: "wheels": must be a standard resource type or fully qualified',
    'spec.containers[0].resources.requests[wheels]: Invalid value: "wheels": must be a standard resource for containers',
    'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
    'spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "500m": must be an integer',
    'spec.containers[0].resources: Forbidden: HugePages require cpu or memory',
    `spec.containers[0].livenessProbe.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')`,
    'spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes',
    'spec.HostPID: Forbidden: when `pod.Spec.HostUsers` is false',
    'spec.containers[0].image: Invalid value: " i ": must not have leading or trailing whitespace',
  ],
  [
    podOf({
      resources: { requests: { cpu: '1' }, limits: { cpu: '1', 'example.com/gpu': '1' } },
      containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '2' }, limits: { cpu: '2' } } }],
    }),
    'spec.resources.limits[example.com/gpu]: Unsupported value: "example.com/gpu": supported values: "cpu", "hugepages-", "memory"',
    'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
    'spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1',
  ],
  [
    podOf({
      volumes: [
        { name: 't', projected: { sources: [{ serviceAccountToken: { path: '../t' } }] } },
        { name: 'd', downwardAPI: { items: [{ path: 'p', fieldRef: { fieldPath: 'spec.nodeName' } }] } },
        { name: 'g', gcePersistentDisk: { pdName: '', partition: 300 } },
        { name: 'o', storageos: { volumeName: 'V', secretRef: {} } },
      ],
    }),
    'spec.volumes[0].projected.path: Invalid value: "../t": must not contain \'..\'',
    'spec.volumes[1].downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"',
    'spec.volumes[2].persistentDisk.pdName: Required value',
    'spec.volumes[2].persistentDisk.partition: Invalid value: 300: must be between 1 and 255, inclusive',
    `spec.volumes[3].storageos.volumeName: Invalid value: "V": ${label}`,
    'spec.volumes[3].storageos.secretRef.name: Required value',
    'spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set',
  ],
  [
    {
      metadata: {
        name: 'p',
        annotations: {
          'controller.kubernetes.io/pod-deletion-cost': '+1',
          'container.apparmor.security.beta.kubernetes.io/none': 'odd',
          'kubernetes.io/config.mirror': 'm',
        },
      },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    },
    'metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "m": must set spec.nodeName if mirror pod annotation is set',
    'metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+1": must be a 32bit integer',
    'metadata.annotations[container.apparmor.security.beta.kubernetes.io/none]: Invalid value: "none": container not found',
    'metadata.annotations[container.apparmor.security.beta.kubernetes.io/none]: Invalid value: "odd": invalid AppArmor profile name: "odd"',
  ],
]

for (const [pod, ...expected] of wrongPods) {
  test(`creating a wrong pod is refused in upstream's words: ${expected[0]}`, () => {
    assert.deepEqual(faults('pods', pod), expected)
  })
}
