import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateKeyPair } from '../machinery/pki/key-pair.ts'
import { createCertificateRequest } from '../machinery/pki/certificate-request.ts'
import { loadSelectors } from './resource/selector-loader.ts'
import {
  changeFaults,
  decoded,
  definitionOf,
  faults,
  qualifiedName,
  subdomain,
  withoutDifference,
} from './testing/strategy-faults.ts'

await loadSelectors()

/*
 * What upstream says of a wrong object of each kind, in its words: one row for each rule that is worth one.
 */

const template = {
  metadata: { labels: { a: 'b' } },
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] },
}
const volume = { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] }

const creations: readonly (readonly [resource: string, object: object, ...faults: string[]])[] = [
  [
    'networkpolicies.networking.k8s.io',
    {
      spec: {
        podSelector: {},
        ingress: [
          {
            ports: [
              { port: 80, endPort: 70 },
              { port: 'http', endPort: 90 },
            ],
            from: [{}, { ipBlock: { cidr: '10.0.0.0/24', except: ['10.1.0.0/28'] }, podSelector: {} }],
          },
        ],
      },
    },
    'spec.ingress[0].ports[0].endPort: Invalid value: 70: must be greater than or equal to `port`',
    'spec.ingress[0].ports[1].endPort: Invalid value: 90: may not be specified when `port` is non-numeric',
    'spec.ingress[0].from[0]: Required value: must specify a peer',
    'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "10.1.0.0/28": must be a strict subset of `cidr`',
    'spec.ingress[0].from[1]: Forbidden: may not specify both ipBlock and another peer',
  ],
  [
    'ingresses.networking.k8s.io',
    {
      spec: {
        rules: [
          {
            host: '10.0.0.1',
            http: {
              paths: [
                { path: '/a//b', pathType: 'Prefix', backend: { service: { name: 's', port: {} } } },
                { path: '/', pathType: 'Odd', backend: {} },
              ],
            },
          },
        ],
      },
    },
    'spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address',
    'spec.rules[0].http.paths[0].path: Invalid value: "/a//b": must not contain \'//\'',
    'spec.rules[0].http.paths[0].backend: Required value: port name or number is required',
    'spec.rules[0].http.paths[1].pathType: Unsupported value: "Odd": supported values: "Exact", "ImplementationSpecific", "Prefix"',
    'spec.rules[0].http.paths[1].backend: Invalid value: "": resource or service backend is required',
  ],
  [
    'servicecidrs.networking.k8s.io',
    { spec: { cidrs: ['10.0.0.0/24', '10.1.0.0/24'] } },
    'spec.cidrs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
  ],
  [
    'ipaddresses.networking.k8s.io',
    { spec: { parentRef: {} } },
    ...['resource', 'name'].map((field) => `spec.parentRef.${field}: Required value`),
  ],
  [
    'storageclasses.storage.k8s.io',
    {
      provisioner: 'a b',
      allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['a', 'a'] }] }],
    },
    "provisioner: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
  ],
  [
    'csinodes.storage.k8s.io',
    {
      spec: {
        drivers: [
          { name: 'd', nodeID: '' },
          { name: 'd', nodeID: 'n' },
        ],
      },
    },
    'spec.drivers[0].nodeID: Required value',
    'spec.drivers[1].name: Duplicate value: "d"',
  ],
  [
    'flowschemas.flowcontrol.apiserver.k8s.io',
    {
      metadata: { name: 'mine' },
      spec: {
        matchingPrecedence: 1,
        priorityLevelConfiguration: { name: 'x' },
        rules: [{ subjects: [{ kind: 'User', group: { name: 'g' } }], resourceRules: [] }],
      },
    },
    "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
    "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'",
    "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'",
    'spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty',
  ],
  [
    'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io',
    {
      metadata: { name: 'p' },
      spec: {
        type: 'Limited',
        limited: {
          limitResponse: { type: 'Queue', queuing: { queues: 64, handSize: 20, queueLengthLimit: 5 } },
        },
      },
    },
    'spec.limited.limitResponse.queuing.handSize: Invalid value: 20: required entropy bits of deckSize 64 and handSize 20 should not be greater than 60',
  ],
  [
    'resourceclaims.resource.k8s.io',
    {
      spec: {
        devices: {
          requests: [
            { name: 'r', exactly: { deviceClassName: 'c', allocationMode: 'All', count: 2 } },
            { name: 'r' },
          ],
          constraints: [{ requests: ['x'], matchAttribute: 'model' }],
        },
      },
    },
    "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
    'spec.devices.requests[1]: Required value: exactly one of `exactly` or `firstAvailable` is required',
    'spec.devices.requests[1]: Duplicate value: "r"',
    'spec.devices.constraints[0].requests[0]: Invalid value: "x": must be the name of a request in the claim or the name of a request and a subrequest separated by \'/\'',
    'spec.devices.constraints[0].matchAttribute: Invalid value: "model": a fully qualified name must be a domain and a name separated by a slash',
  ],
  [
    'deviceclasses.resource.k8s.io',
    {
      spec: {
        selectors: [
          {
            cel: {
              expression:
                "device.driver == 'd' && device.capacity['d'].memory.isGreaterThan(quantity('1Gi'))",
            },
          },
          { cel: { expression: 'device.driver' } },
        ],
      },
    },
    'spec.selectors[1].cel.expression: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
  ],
  [
    'resourceslices.resource.k8s.io',
    {
      spec: {
        driver: 'd.example.com',
        pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
        nodeName: 'n',
        allNodes: true,
        devices: [{ name: 'g', attributes: { model: {} }, bindingConditions: ['a'] }],
      },
    },
    'spec: Invalid value: "{`nodeName`, `allNodes`}": exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set',
    'spec.devices[0].attributes[model]: Invalid value: "": exactly one value must be specified',
    'spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions',
  ],
  [
    'cronjobs.batch',
    {
      spec: {
        schedule: '* * * * *',
        jobTemplate: { spec: { template, manualSelector: true, completionMode: 'Indexed' } },
      },
    },
    'spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: "nil", "false"',
  ],
  [
    'jobs.batch',
    {
      metadata: { name: 'j', uid: 'u' },
      spec: {
        template,
        manualSelector: true,
        selector: { matchLabels: { a: 'b' } },
        successPolicy: { rules: [{ succeededIndexes: '0-2,1', succeededCount: 4 }] },
        completionMode: 'Indexed',
        completions: 3,
        parallelism: 1,
        podFailurePolicy: {
          rules: [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [0, 3, 2] } }],
        },
      },
    },
    'spec.podFailurePolicy.rules[0].action: Invalid value: "FailIndex": requires the backoffLimitPerIndex to be set',
    'spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator',
    'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [0,3,2]: must be ordered',
    'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "0-2,1": error parsing succeededIndexes: non-increasing order, previous: 2, current: 1',
    'spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)',
    'spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)',
  ],
  [
    'persistentvolumes',
    { spec: { ...volume, csi: { driver: 'd', volumeHandle: '' }, nfs: { server: 's', path: 'p' } } },
    'spec.nfs.path: Invalid value: "p": must be an absolute path',
    'spec.csi: Forbidden: may not specify more than 1 volume type',
  ],
  [
    'persistentvolumeclaims',
    {
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        dataSource: { kind: 'VolumeSnapshot', name: 's' },
      },
    },
    'spec.dataSource: Invalid value: "VolumeSnapshot": must be \'PersistentVolumeClaim\' when referencing the default apiGroup',
  ],
  [
    'limitranges',
    {
      spec: {
        limits: [{ type: 'Odd', max: { cpu: '1', wheels: '4' }, maxLimitRequestRatio: { cpu: '500m' } }],
      },
    },
    'spec.limits[0].type: Invalid value: "Odd": must be a standard limit type or fully qualified',
    'spec.limits[0].max[wheels]: Invalid value: "wheels": must be a standard resource type or fully qualified',
    'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1',
  ],
  [
    'leases.coordination.k8s.io',
    { spec: { strategy: 'Odd' } },
    'spec.strategy.strategy: Unsupported value: "Odd": supported values: "OldestEmulationVersion"',
  ],
  [
    'nodes',
    {
      spec: {
        taints: [
          { key: 'a', effect: 'NoExecute' },
          { key: 'a', effect: 'NoExecute' },
        ],
        podCIDRs: ['10.0.0.0/24', '10.0.1.0/24'],
      },
      status: { capacity: { cpu: '-1', 'example.com/gpu': '1500m' } },
    },
    'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoExecute","TimeAdded":null}: taints must be unique by key and effect pair',
    'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
    'status.capacity.example.com/gpu: Invalid value: "1500m": must be an integer',
    'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
    'status.allocatable.example.com/gpu: Invalid value: "1500m": must be an integer',
    'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family',
  ],
  [
    'endpoints',
    {
      subsets: [{ addresses: [{ ip: '127.0.0.1', nodeName: 'N' }], ports: [{ port: 0, appProtocol: '/' }] }],
    },
    `subsets[0].addresses[0].nodeName: Invalid value: "N": ${subdomain}`,
    'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    'subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    'subsets[0].ports[0].appProtocol: Invalid value: "/": prefix part must be non-empty',
    'subsets[0].ports[0].appProtocol: Invalid value: "/": name part must be non-empty',
    `subsets[0].ports[0].appProtocol: Invalid value: "/": ${qualifiedName}`,
  ],
  [
    'clusterroles.rbac.authorization.k8s.io',
    { aggregationRule: {} },
    'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
  ],
  [
    'resourcequotas',
    {
      spec: {
        hard: { pods: '1500m' },
        scopeSelector: { matchExpressions: [{ scopeName: 'Terminating', operator: 'In', values: ['a'] }] },
      },
    },
    'spec.hard[pods]: Invalid value: "1500m": must be an integer',
    `spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`,
  ],
  [
    'daemonsets.apps',
    {
      spec: { selector: {}, template: { ...template, spec: { ...template.spec, restartPolicy: 'Always' } } },
    },
    'spec.selector: Invalid value: {}: empty selector is invalid for daemonset',
  ],
]

for (const [name, object, ...expected] of creations) {
  test(`creating wrong ${name} is refused in upstream's words: ${expected[0]}`, () => {
    assert.deepEqual(faults(name, object), expected)
  })
}

const claim = (storage: string, more: object = {}) => ({
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, volumeName: 'v', ...more },
  status: { phase: 'Bound', capacity: { storage: '2Gi' } },
})
const csiVolume = (csi: object) => ({ spec: { ...volume, csi: { driver: 'd', volumeHandle: 'h', ...csi } } })

const changes: readonly (readonly [resource: string, before: object, after: object, ...faults: string[]])[] =
  [
    ['persistentvolumeclaims', claim('2Gi'), claim('3Gi')],
    [
      'persistentvolumeclaims',
      claim('3Gi'),
      claim('1Gi'),
      'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ],
    [
      'persistentvolumes',
      csiVolume({}),
      csiVolume({ controllerExpandSecretRef: { name: 's', namespace: 'n' } }),
    ],
    [
      'persistentvolumes',
      csiVolume({}),
      csiVolume({ volumeHandle: 'other' }),
      'spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation',
    ],
    [
      'servicecidrs.networking.k8s.io',
      { spec: { cidrs: ['10.0.0.0/24'] } },
      { spec: { cidrs: ['10.1.0.0/24'] } },
      'spec.cidrs[0]: Invalid value: "10.1.0.0/24": field is immutable',
    ],
    [
      'servicecidrs.networking.k8s.io',
      { spec: { cidrs: ['10.0.0.0/24'] } },
      { spec: { cidrs: ['10.0.0.0/24', 'fd00::/112'] } },
    ],
    [
      'csidrivers.storage.k8s.io',
      { metadata: { name: 'd' }, spec: {} },
      { metadata: { name: 'd' }, spec: { attachRequired: false } },
      'spec.attachedRequired: Invalid value: false: field is immutable',
    ],
    [
      'volumeattributesclasses.storage.k8s.io',
      { driverName: 'd', parameters: { a: 'b' } },
      { driverName: 'd', parameters: { a: 'c' } },
      'parameters: Forbidden: updates to parameters are forbidden.',
    ],
  ]

for (const [name, before, after, ...expected] of changes) {
  test(`changing ${name} is ${expected.length > 0 ? `refused: ${expected[0]}` : 'allowed'}`, () => {
    assert.deepEqual(changeFaults(name, before, after).map(withoutDifference), expected)
  })
}

test('certificate requests are checked, and say who asks', () => {
  const name = 'certificatesigningrequests.certificates.k8s.io'
  const pem = createCertificateRequest(generateKeyPair(), { commonName: 'x', organizations: [] })
  const request = {
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: 'example.com/a',
      usages: ['client auth'],
      username: 'somebody else',
    },
  }
  assert.deepEqual(faults(name, request), [])
  const made = decoded(name, request)
  definitionOf(name).strategy.prepareForCreate?.(made, {
    user: { name: 'me', groups: ['us'] },
    warn: () => {},
  })
  const { spec } = made as { spec?: { username?: string; groups?: string[] } }
  assert.deepEqual([spec?.username, spec?.groups], ['me', ['us']])
  assert.deepEqual(
    faults(name, { spec: { ...request.spec, signerName: 'a', usages: ['x'], expirationSeconds: 5 } }),
    [
      'spec.usages[0]: Unsupported value: "x": supported values: "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"',
      'spec.signerName: Invalid value: "a": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
      'spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 600 seconds (10 minutes)',
    ],
  )
})
