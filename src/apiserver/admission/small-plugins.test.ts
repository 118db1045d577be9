import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Pod, PodSpec } from '../../api/generated/core.v1.ts'
import type { Ingress } from '../../api/generated/networking.v1.ts'
import {
  certificateSigningRequests,
  ingressClasses,
  ingresses,
  nodes,
  persistentVolumeClaims,
  pods,
  priorityClasses,
  runtimeClasses,
  storageClasses,
} from '../../api/generated/resources.ts'
import { createCertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { generateKeyPair } from '../../machinery/pki/key-pair.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { createCertificateApproval } from './certificates/certificate-approval.ts'
import { createCertificateSigning } from './certificates/certificate-signing.ts'
import { certificateSubjectRestriction } from './certificates/certificate-subject-restriction.ts'
import { createDefaultIngressClass } from './default-ingress-class.ts'
import { createDefaultStorageClass } from './default-storage-class.ts'
import { createDefaultTolerationSeconds } from './default-toleration-seconds.ts'
import { createPersistentVolumeClaimResize } from './persistent-volume-claim-resize.ts'
import { createPodTopologyLabels } from './pod-topology-labels.ts'
import { createPriority } from './priority.ts'
import { createRuntimeClass } from './runtime-class.ts'
import { storageObjectInUseProtection } from './storage-object-in-use-protection.ts'
import { taintNodesByCondition } from './taint-nodes-by-condition.ts'
import { admissionRequest, admit } from './testing/admission-requests.ts'
import { memoryObjects, type MemoryObjects } from './testing/memory-objects.ts'

let objects: MemoryObjects

describe('small plugins', () => {
  beforeEach(() => {
    objects = memoryObjects()
  })

  const pod = (spec: Partial<PodSpec> = {}): Pod => ({
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
  })

  describe('createPriority', () => {
    const create = (spec: Partial<PodSpec>) =>
      admit<Pod>(createPriority(objects), admissionRequest('CREATE', pods, pod(spec)))

    it('computes the number', async () => {
      objects.put(priorityClasses, {
        metadata: { name: 'high' },
        value: 1000,
        preemptionPolicy: 'Never',
      })
      const { spec } = await create({ priorityClassName: 'high' })
      assert.deepEqual([spec?.priority, spec?.preemptionPolicy], [1000, 'Never'])
      const plain = await create({})
      assert.deepEqual([plain.spec?.priority, plain.spec?.preemptionPolicy], [0, 'PreemptLowerPriority'])
      objects.put(priorityClasses, { metadata: { name: 'usual' }, value: 7, globalDefault: true })
      const usual = await create({})
      assert.deepEqual([usual.spec?.priorityClassName, usual.spec?.priority], ['usual', 7])
    })

    it('refuses what does not fit', async () => {
      objects.put(priorityClasses, { metadata: { name: 'high' }, value: 1000 })
      for (const [spec, detail] of [
        [{ priorityClassName: 'x' }, 'no PriorityClass with name x was found'],
        [
          { priorityClassName: 'high', priority: 1 },
          'the integer value of priority (1) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
        ],
        [
          { priorityClassName: 'high', preemptionPolicy: 'Never' },
          'the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name',
        ],
      ] as const) {
        await assert.rejects(create(spec), { message: `pods "p" is forbidden: ${detail}` })
      }
    })

    it('knows one default only', async () => {
      objects.put(priorityClasses, { metadata: { name: 'a' }, value: 7, globalDefault: true })
      const another = { metadata: { name: 'b' }, value: 8, globalDefault: true }
      await assert.rejects(
        admit(createPriority(objects), admissionRequest('CREATE', priorityClasses, another)),
        {
          message:
            'priorityclasses.scheduling.k8s.io "b" is forbidden: PriorityClass a is already marked as default. Only one default can exist',
        },
      )
    })
  })

  describe('createDefaultTolerationSeconds', () => {
    const added = (key: string) => ({
      key: `node.kubernetes.io/${key}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })
    for (const [what, given, expected] of [
      ['nothing', undefined, [added('not-ready'), added('unreachable')]],
      [
        'one of them',
        [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
        [
          { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
          added('unreachable'),
        ],
      ],
      ['everything', [{ operator: 'Exists' }], [{ operator: 'Exists' }]],
    ] as const) {
      it(`adds to ${what}`, async () => {
        const request = admissionRequest('CREATE', pods, pod(given ? { tolerations: given } : {}))
        assert.deepEqual(
          (await admit<Pod>(createDefaultTolerationSeconds(), request)).spec?.tolerations,
          expected,
        )
      })
    }
  })

  describe('createDefaultTolerationSeconds with other times', () => {
    it('gives each taint its own', async () => {
      const plugin = createDefaultTolerationSeconds({ notReady: 20, unreachable: 30 })
      const { spec } = await admit<Pod>(plugin, admissionRequest('CREATE', pods, pod()))
      assert.deepEqual(
        spec?.tolerations?.map(({ tolerationSeconds }) => tolerationSeconds),
        [20, 30],
      )
    })
  })

  describe('taintNodesByCondition', () => {
    it('taints a new node once', async () => {
      const request = admissionRequest('CREATE', nodes, { metadata: { name: 'n' } })
      const taints = [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' as const }]
      assert.deepEqual((await admit(taintNodesByCondition, request)) as unknown, {
        metadata: { name: 'n' },
        spec: { taints },
      })
      const again = admissionRequest('CREATE', nodes, { metadata: { name: 'n' }, spec: { taints } })
      assert.deepEqual((again.object as { spec?: unknown }).spec, { taints })
    })
  })

  describe('default classes', () => {
    const marked = (key: string, name: string, creationTimestamp: string) => ({
      metadata: { name, creationTimestamp, annotations: { [key]: 'true' } },
    })

    it('go to claims that name none', async () => {
      const key = 'storageclass.kubernetes.io/is-default-class'
      const provisioner = 'x'
      objects.put(storageClasses, { ...marked(key, 'old', '2025-01-01T00:00:00Z'), provisioner })
      objects.put(storageClasses, { ...marked(key, 'new', '2026-01-01T00:00:00Z'), provisioner })
      objects.put(storageClasses, { metadata: { name: 'other' }, provisioner })
      const plugin = createDefaultStorageClass(objects)
      for (const [given, expected] of [
        [undefined, 'new'],
        ['', ''],
        ['other', 'other'],
      ] as const) {
        const claim = {
          metadata: { name: 'c', namespace: 'default' },
          spec: given === undefined ? {} : { storageClassName: given },
        }
        const request = admissionRequest('CREATE', persistentVolumeClaims, claim)
        const { spec } = await admit<typeof claim>(plugin, request)
        assert.equal(spec.storageClassName, expected)
      }
    })

    it('go to ingresses that name none', async () => {
      const key = 'ingressclass.kubernetes.io/is-default-class'
      objects.put(ingressClasses, {
        ...marked(key, 'nginx', '2025-01-01T00:00:00Z'),
        spec: { controller: 'x' },
      })
      const plugin = createDefaultIngressClass(objects)
      const ingress = { metadata: { name: 'i', namespace: 'default' }, spec: {} }
      const { spec } = await admit<Ingress>(plugin, admissionRequest('CREATE', ingresses, ingress))
      assert.equal(spec?.ingressClassName, 'nginx')
      const annotated = {
        metadata: { name: 'i', namespace: 'default', annotations: { 'kubernetes.io/ingress.class': 'x' } },
        spec: {},
      }
      const kept = await admit<typeof ingress>(plugin, admissionRequest('CREATE', ingresses, annotated))
      assert.deepEqual(kept.spec, {})
    })
  })

  describe('storageObjectInUseProtection', () => {
    it('adds its finalizer once', async () => {
      const claim = { metadata: { name: 'c', namespace: 'default', finalizers: ['x'] } }
      const request = admissionRequest('CREATE', persistentVolumeClaims, claim)
      await admit(storageObjectInUseProtection, request)
      await admit(storageObjectInUseProtection, request)
      assert.deepEqual(request.object?.metadata?.finalizers, ['x', 'kubernetes.io/pvc-protection'])
    })
  })

  describe('createPersistentVolumeClaimResize', () => {
    const claim = (storage: string, phase: 'Bound' | 'Pending' = 'Bound', storageClassName = 'big') => ({
      metadata: { name: 'c', namespace: 'default' },
      spec: { storageClassName, resources: { requests: { storage } } },
      status: { phase },
    })
    const resize = (from: ReturnType<typeof claim>, to: ReturnType<typeof claim>) =>
      admit(
        createPersistentVolumeClaimResize(objects),
        admissionRequest('UPDATE', persistentVolumeClaims, to, { oldObject: from }),
      )

    it('lets grow what can grow', async () => {
      objects.put(storageClasses, { metadata: { name: 'big' }, provisioner: 'x', allowVolumeExpansion: true })
      objects.put(storageClasses, { metadata: { name: 'small' }, provisioner: 'x' })
      await resize(claim('1Gi'), claim('2Gi'))
      await resize(claim('1Gi', 'Pending'), claim('1024Mi', 'Pending'))
      await assert.rejects(resize(claim('1Gi', 'Pending'), claim('2Gi', 'Pending')), {
        message:
          'persistentvolumeclaims "c" is forbidden: only bound persistent volume claims can be expanded',
      })
      await assert.rejects(resize(claim('1Gi', 'Bound', 'small'), claim('2Gi', 'Bound', 'small')), {
        message:
          'persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      })
    })
  })

  describe('createRuntimeClass', () => {
    const create = (spec: Partial<PodSpec>) =>
      admit<Pod>(createRuntimeClass(objects), admissionRequest('CREATE', pods, pod(spec)))

    it('adds overhead and scheduling', async () => {
      const toleration = { key: 'vm', operator: 'Exists' as const }
      objects.put(runtimeClasses, {
        metadata: { name: 'vm' },
        handler: 'vm',
        overhead: { podFixed: { cpu: '100m' } },
        scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [toleration] },
      })
      const { spec } = await create({ runtimeClassName: 'vm', tolerations: [toleration] })
      assert.deepEqual(
        [spec?.overhead, spec?.nodeSelector, spec?.tolerations],
        [{ cpu: '100m' }, { vm: 'yes' }, [toleration]],
      )
      await create({ runtimeClassName: 'vm', overhead: { cpu: '0.1' } })
      const everything = { operator: 'Exists' } as const
      const tolerant = await create({ runtimeClassName: 'vm', tolerations: [everything] })
      assert.deepEqual(tolerant.spec?.tolerations, [everything])
      for (const [given, detail] of [
        [
          { runtimeClassName: 'vm', overhead: { cpu: '1' } },
          "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ],
        [
          { overhead: { cpu: '1' } },
          'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
        ],
        [{ runtimeClassName: 'x' }, 'pod rejected: RuntimeClass "x" not found'],
        [
          { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
          'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
        ],
      ] as const) {
        await assert.rejects(create(given), { message: `pods "p" is forbidden: ${detail}` })
      }
    })
  })

  describe('createPodTopologyLabels', () => {
    it('copies zone and region to pods and bindings', async () => {
      const labels = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r' }
      objects.put(nodes, { metadata: { name: 'n', labels: { ...labels, other: 'x' } } })
      const plugin = createPodTopologyLabels(objects)
      const made = await admit<Pod>(plugin, admissionRequest('CREATE', pods, pod({ nodeName: 'n' })))
      assert.deepEqual(made.metadata?.labels, labels)
      const binding = { metadata: { name: 'p', namespace: 'default' }, target: { kind: 'Node', name: 'n' } }
      const request = admissionRequest('CREATE', pods, binding as Pod, { subresource: 'binding' })
      assert.deepEqual((await admit(plugin, request)).metadata?.labels, labels)
      const unknown = { metadata: { name: 'p', namespace: 'default' }, target: { name: 'n' } }
      const skipped = admissionRequest('CREATE', pods, unknown as Pod, { subresource: 'binding' })
      assert.equal((await admit(plugin, skipped)).metadata?.labels, undefined)
    })
  })

  describe('certificate plugins', () => {
    const allowing = (...names: readonly string[]): Authorizer => ({
      name: 'list',
      authorize: ({ verb, name }) =>
        names.includes(`${verb} ${name}`) ? { type: 'allow', reason: '' } : { type: 'noOpinion', reason: '' },
    })
    const csr = (organizations: readonly string[], signerName = 'kubernetes.io/kube-apiserver-client') => ({
      metadata: { name: 'csr' },
      spec: {
        signerName,
        request: Buffer.from(
          createCertificateRequest(generateKeyPair(), { commonName: 'x', organizations }),
        ).toString('base64'),
      },
    })

    it('let approve and sign who may', async () => {
      const oldObject = csr([])
      const approval = admissionRequest('UPDATE', certificateSigningRequests, oldObject, {
        oldObject,
        subresource: 'approval',
      })
      await admit(
        createCertificateApproval(allowing('approve kubernetes.io/kube-apiserver-client')),
        approval,
      )
      await admit(createCertificateApproval(allowing('approve kubernetes.io/*')), approval)
      await assert.rejects(admit(createCertificateApproval(allowing()), approval), {
        message:
          'certificatesigningrequests.certificates.k8s.io "csr" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"',
      })
      const signing = (certificate: string) =>
        admissionRequest(
          'UPDATE',
          certificateSigningRequests,
          { ...oldObject, status: { certificate } },
          { oldObject, subresource: 'status' },
        )
      await admit(createCertificateSigning(allowing()), signing(''))
      await assert.rejects(
        admit(createCertificateSigning(allowing()), signing('x')),
        /user not permitted to sign requests with signerName "kubernetes.io\/kube-apiserver-client"$/,
      )
    })

    it('make nobody a master', async () => {
      const create = (object: ReturnType<typeof csr>) =>
        admit(certificateSubjectRestriction, admissionRequest('CREATE', certificateSigningRequests, object))
      await create(csr(['dev']))
      await create(csr(['system:masters'], 'example.com/signer'))
      await assert.rejects(create(csr(['system:masters'])), {
        message:
          'certificatesigningrequests.certificates.k8s.io "csr" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
      })
    })
  })
})
