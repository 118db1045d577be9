import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Pod, PodSpec, SecurityContext } from '../../../api/generated/core.v1.ts'
import { deployments, namespaces, pods } from '../../../api/generated/resources.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { admissionRequest, admit } from '../testing/admission-requests.ts'
import { memoryObjects, type MemoryObjects } from '../testing/memory-objects.ts'
import { violationText } from './evaluate-pod.ts'
import { createPodSecurity } from './pod-security.ts'
import type { LevelVersion } from './policy.ts'

const latest = (level: LevelVersion['level']): LevelVersion => ({ level, minorVersion: 'latest' })
const container = (securityContext?: SecurityContext, rest: object = {}) => ({
  name: 'c',
  image: 'x',
  ...(securityContext && { securityContext }),
  ...rest,
})
const good: SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
}
const spec = (rest: Partial<PodSpec>): PodSpec => ({ containers: [container(good)], ...rest })

describe('violationText', () => {
  const baseline: readonly [string, Partial<PodSpec>][] = [
    ['', {}],
    ['host namespaces (hostNetwork=true, hostPID=true)', { hostNetwork: true, hostPID: true }],
    [
      'hostPath volumes (volumes "a", "b")',
      {
        volumes: [
          { name: 'a', hostPath: { path: '/' } },
          { name: 'b', hostPath: { path: '/' } },
        ],
      },
    ],
    [
      'hostPort (container "c" uses hostPorts 80, 81)',
      {
        containers: [
          container(good, {
            ports: [
              { containerPort: 1, hostPort: 80 },
              { containerPort: 2, hostPort: 81 },
            ],
          }),
        ],
      },
    ],
    [
      'privileged (container "c" must not set securityContext.privileged=true)',
      { containers: [container({ ...good, privileged: true })] },
    ],
    [
      'non-default capabilities (container "c" must not include "NET_ADMIN" in securityContext.capabilities.add)',
      { containers: [container({ capabilities: { add: ['CHOWN', 'NET_ADMIN'] } })] },
    ],
    [
      'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
      { containers: [container({ procMount: 'Unmasked' })] },
    ],
    ['', { hostUsers: false, containers: [container({ procMount: 'Unmasked' })] }],
    [
      'seLinuxOptions (pod and container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
      {
        securityContext: { seLinuxOptions: { user: 'u' } },
        containers: [container({ seLinuxOptions: { type: 'spc_t' } })],
      },
    ],
    [
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
    ],
    [
      'forbidden sysctls (kernel.msgmax)',
      {
        securityContext: {
          sysctls: [
            { name: 'kernel.msgmax', value: '1' },
            { name: 'net.ipv4.tcp_rmem', value: '1' },
          ],
        },
      },
    ],
    [
      'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
      { securityContext: { windowsOptions: { hostProcess: true } } },
    ],
    [
      'probe or lifecycle host (container "c" uses probe or lifecycle host "1.2.3.4")',
      { containers: [container(good, { livenessProbe: { httpGet: { port: 1, host: '1.2.3.4' } } })] },
    ],
    [
      'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
      { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
    ],
  ]
  for (const [expected, rest] of baseline) {
    it(`objects by baseline: ${expected || 'nothing'}`, () => {
      assert.equal(violationText(latest('baseline'), spec(rest), {}), expected)
      assert.equal(violationText(latest('privileged'), spec(rest), {}), '')
    })
  }

  it('objects to a plain pod by restricted, as upstream words it', () => {
    assert.equal(
      violationText(latest('restricted'), { containers: [container()] }, {}),
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    )
    assert.equal(violationText(latest('restricted'), spec({}), {}), '')
  })

  const restricted: readonly [string, Partial<PodSpec>][] = [
    [
      'restricted volume types (volume "a" uses restricted volume type "hostPath")',
      {
        volumes: [
          { name: 'a', hostPath: { path: '/' } },
          { name: 'b', emptyDir: {} },
        ],
      },
    ],
    ['runAsUser=0 (pod must not set runAsUser=0)', { securityContext: { runAsUser: 0 } }],
    ['', { hostUsers: false, securityContext: { runAsUser: 0 } }],
    [
      'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
      { containers: [container({ ...good, runAsNonRoot: false })] },
    ],
    [
      'unrestricted capabilities (container "c" must not include "CHOWN" in securityContext.capabilities.add)',
      {
        containers: [
          container({ ...good, capabilities: { drop: ['ALL'], add: ['CHOWN', 'NET_BIND_SERVICE'] } }),
        ],
      },
    ],
    [
      'host namespaces (hostNetwork=true), restricted volume types (volume "a" uses restricted volume type "nfs")',
      { hostNetwork: true, volumes: [{ name: 'a', nfs: { server: 's', path: '/' } }] },
    ],
  ]
  for (const [expected, rest] of restricted) {
    it(`objects by restricted: ${expected || 'nothing'}`, () => {
      assert.equal(violationText(latest('restricted'), spec(rest), {}), expected)
    })
  }

  it('keeps to the version that is asked for', () => {
    const sysctls = spec({ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem', value: '1' }] } })
    assert.equal(violationText({ level: 'baseline', minorVersion: 32 }, sysctls, {}), '')
    assert.equal(
      violationText({ level: 'baseline', minorVersion: 31 }, sysctls, {}),
      'forbidden sysctls (net.ipv4.tcp_rmem)',
    )
    assert.equal(
      violationText(
        { level: 'restricted', minorVersion: 7 },
        { containers: [container({ runAsNonRoot: true })] },
        {},
      ),
      '',
    )
  })
})

describe('createPodSecurity', () => {
  let objects: MemoryObjects
  let plugin: AdmissionPlugin
  const pod = (rest: Partial<PodSpec>): Pod => ({ metadata: { name: 'p', namespace: 'n' }, spec: spec(rest) })
  const label = (labels: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
    )

  beforeEach(() => {
    objects = memoryObjects()
    plugin = createPodSecurity(objects)
  })

  it('refuses, warns or lets be', async () => {
    const create = async (labels: Record<string, string>) => {
      objects.put(namespaces, { metadata: { name: 'n', labels: label(labels) } })
      const request = admissionRequest('CREATE', pods, pod({ hostNetwork: true }))
      await admit(plugin, request)
      return request.warnings
    }
    assert.deepEqual(await create({}), [])
    assert.deepEqual(await create({ warn: 'baseline', 'warn-version': 'v1.30' }), [
      'would violate PodSecurity "baseline:v1.30": host namespaces (hostNetwork=true)',
    ])
    await assert.rejects(create({ enforce: 'baseline' }), {
      message:
        'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    })
  })

  it('lets a pod change what is not looked at', async () => {
    objects.put(namespaces, { metadata: { name: 'n', labels: label({ enforce: 'restricted' }) } })
    const before = pod({ hostNetwork: true })
    const labelled = { ...before, metadata: { ...before.metadata, labels: { a: 'b' } } }
    await admit(plugin, admissionRequest('UPDATE', pods, labelled, { oldObject: before }))
    const debugged = pod({ hostNetwork: true, ephemeralContainers: [{ name: 'd', image: 'x' }] })
    await assert.rejects(
      admit(
        plugin,
        admissionRequest('UPDATE', pods, debugged, { oldObject: before, subresource: 'ephemeralcontainers' }),
      ),
    )
  })

  it('looks at a pod again that gets another image', async () => {
    objects.put(namespaces, { metadata: { name: 'n', labels: label({ enforce: 'restricted' }) } })
    const before = pod({ hostNetwork: true })
    const [container, ...more] = before.spec!.containers
    const updated = pod({ hostNetwork: true, containers: [{ ...container!, image: 'other' }, ...more] })
    await assert.rejects(
      admit(plugin, admissionRequest('UPDATE', pods, updated, { oldObject: before })),
      /violates PodSecurity "restricted:latest"/,
    )
  })

  it('tells the audit log what it went by, what it would object to, and who is exempt', async () => {
    const configuration = {
      defaults: {
        enforce: { level: 'privileged', minorVersion: 'latest' },
        audit: { level: 'baseline', minorVersion: 30 },
        warn: { level: 'privileged', minorVersion: 'latest' },
      },
      exemptions: { usernames: ['boss'], namespaces: ['exempt'], runtimeClasses: ['vm'] },
    } as const
    plugin = createPodSecurity(objects, configuration)
    const told = async (
      labels: Record<string, string>,
      { name = 'n', user = 'jane', runtimeClassName = 'usual' } = {},
    ) => {
      objects.put(namespaces, { metadata: { name, labels: label(labels) } })
      const annotations: Record<string, string> = {}
      const object = { ...pod({ hostPID: true, runtimeClassName }), metadata: { name: 'p', namespace: name } }
      const annotate = (key: string, value: string) => void (annotations[key] = value)
      const request = admissionRequest('CREATE', pods, object, { annotate, user: { name: user, groups: [] } })
      await admit(plugin, request).catch(() => {})
      return annotations
    }
    const prefix = 'pod-security.kubernetes.io'
    const audited = 'would violate PodSecurity "baseline:v1.30": host namespaces (hostPID=true)'
    assert.deepEqual(await told({}), {
      [`${prefix}/enforce-policy`]: 'privileged:latest',
      [`${prefix}/audit-violations`]: audited,
    })
    assert.deepEqual(await told({ enforce: 'restricted', audit: 'privileged' }), {
      [`${prefix}/enforce-policy`]: 'restricted:latest',
    })
    assert.deepEqual(await told({ audit: 'privileged' }), {
      [`${prefix}/enforce-policy`]: 'privileged:latest',
    })
    assert.deepEqual(await told({ audit: 'nonsense' }), {
      [`${prefix}/enforce-policy`]: 'privileged:latest',
      [`${prefix}/error`]:
        'Failed to parse policy: metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: "nonsense": must be one of privileged, baseline, restricted',
    })
    assert.deepEqual(await told({}, { user: 'boss' }), { [`${prefix}/exempt`]: 'user' })
    assert.deepEqual(await told({}, { name: 'exempt' }), { [`${prefix}/exempt`]: 'namespace' })
    assert.deepEqual(await told({}, { runtimeClassName: 'vm' }), { [`${prefix}/exempt`]: 'runtimeClass' })
  })

  it('warns about what makes pods', async () => {
    objects.put(namespaces, {
      metadata: { name: 'n', labels: label({ enforce: 'baseline', warn: 'baseline' }) },
    })
    const deployment = {
      metadata: { name: 'd', namespace: 'n' },
      spec: { selector: {}, template: { spec: spec({ hostPID: true }) } },
    }
    const request = admissionRequest('CREATE', deployments, deployment)
    await admit(plugin, request)
    assert.deepEqual(request.warnings, [
      'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)',
    ])
  })

  it('refuses labels that say nothing', async () => {
    const namespace = { metadata: { name: 'n', labels: label({ enforce: 'x', 'warn-version': '1.3' }) } }
    await assert.rejects(admit(plugin, admissionRequest('CREATE', namespaces, namespace)), {
      message:
        'Namespace "n" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "x": must be one of privileged, baseline, restricted, ' +
        'metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.3": must be "latest" or "v1.x"]',
    })
    await admit(plugin, admissionRequest('UPDATE', namespaces, namespace, { oldObject: namespace }))
  })

  it('tells of pods that a stricter namespace would not let in', async () => {
    for (const name of ['a', 'b']) {
      objects.put(pods, { metadata: { name, namespace: 'n' }, spec: spec({ hostPID: true }) })
    }
    objects.put(pods, { metadata: { name: 'good', namespace: 'n' }, spec: spec({}) })
    const request = admissionRequest(
      'UPDATE',
      namespaces,
      { metadata: { name: 'n', labels: label({ enforce: 'baseline' }) } },
      { oldObject: { metadata: { name: 'n' } } },
    )
    await admit(plugin, request)
    assert.deepEqual(request.warnings, [
      'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"',
      'a (and 1 other pod): host namespaces',
    ])
  })

  const controlled = {
    ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'u', controller: true }],
  }
  const changes: readonly [string, Record<string, string>, Record<string, string>, readonly string[]][] = [
    [
      'another version, though of a lower level',
      { enforce: 'restricted', 'enforce-version': 'v1.20' },
      { enforce: 'baseline', 'enforce-version': 'v1.30' },
      ['a (and 1 other pod): host namespaces'],
    ],
    ['a lower level', { enforce: 'restricted' }, { enforce: 'baseline' }, []],
    ['the same', { enforce: 'baseline' }, { enforce: 'baseline' }, []],
    ['no level any more', { enforce: 'baseline' }, { 'enforce-version': 'v1.30' }, []],
  ]
  for (const [what, before, after, expected] of changes) {
    it(`counts pods of one controller, on a change to ${what}`, async () => {
      for (const name of ['b', 'a']) {
        objects.put(pods, {
          metadata: { name, namespace: 'n', ...controlled },
          spec: spec({ hostPID: true }),
        })
      }
      const request = admissionRequest(
        'UPDATE',
        namespaces,
        { metadata: { name: 'n', labels: label(after) } },
        { oldObject: { metadata: { name: 'n', labels: label(before) } } },
      )
      await admit(plugin, request)
      assert.deepEqual(request.warnings.slice(1), expected)
    })
  }
})
