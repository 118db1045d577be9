import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CertificateSigningRequest, KeyUsage } from '../../api/generated/certificates.v1.ts'
import { certificateSigningRequests, nodes, serviceCIDRs } from '../../api/generated/resources.ts'
import { createCertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { generateKeyPair } from '../../machinery/pki/key-pair.ts'
import type { SubjectAlternativeNames } from '../../machinery/pki/subject-alternative-names.ts'
import { runReconcilers } from '../testing/run-reconciler.ts'
import { nodeRequestsApprovingReconciler } from './node-requests-approving.ts'

interface Wanted {
  readonly username?: string
  readonly groups?: readonly string[]
  readonly signer?: string
  readonly commonName?: string
  readonly organizations?: readonly string[]
  readonly names?: SubjectAlternativeNames
  readonly usage?: KeyUsage
}

const keyPair = generateKeyPair()

function aRequest(wanted: Wanted): CertificateSigningRequest {
  const {
    username = 'system:node:a',
    groups = ['system:nodes', 'system:authenticated'],
    signer = 'kubelet-serving',
    commonName = 'system:node:a',
    organizations = ['system:nodes'],
    names = {},
    usage = 'server auth',
  } = wanted
  const request = createCertificateRequest(keyPair, { commonName, organizations }, names)
  return {
    metadata: { name: 'request' },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: `kubernetes.io/${signer}`,
      usages: ['digital signature', 'key encipherment', usage],
      username,
      groups: [...groups],
    },
  }
}

const component: Wanted = {
  signer: 'kube-apiserver-client',
  commonName: 'k8ts:kube-proxy:a',
  organizations: ['k8ts:kube-proxy'],
  usage: 'client auth',
}
const serving: Wanted = { names: { dnsNames: ['a'], ipAddresses: ['10.0.0.1'] } }
const accountGroups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system']

/** What a node of this name asks for to serve as. */
function servingAs(name: string): Wanted {
  const user = `system:node:${name}`
  return { username: user, commonName: user, names: { dnsNames: [name] } }
}

const rows: readonly (readonly [what: string, wanted: Wanted, approved: boolean])[] = [
  ['a node’s own name and address', serving, true],
  ['the address of another node', { names: { ipAddresses: ['10.0.0.2'] } }, false],
  ['the same, written as IPv6', { names: { ipAddresses: ['::ffff:10.0.0.2'] } }, false],
  ['the address of the Service of the API server', { names: { ipAddresses: ['10.96.0.1'] } }, false],
  ['the address of a pod on another node', { names: { ipAddresses: ['10.244.1.7'] } }, false],
  ['the address that is everybody’s own', { names: { ipAddresses: ['127.0.0.1'] } }, false],
  ['the same in IPv6', { names: { ipAddresses: ['::1'] } }, false],
  ['the name of another', { names: { dnsNames: ['b'] } }, false],
  ['the name of the API server', servingAs('kubernetes.default.svc'), false],
  ['its short name', servingAs('kubernetes'), false],
  ['the name of a Service', servingAs('webhook.default.svc.cluster.local'), false],
  ['the name that is everybody’s own', servingAs('localhost'), false],
  ['another node’s identity', { ...serving, commonName: 'system:node:b' }, false],
  ['what somebody asks who is no node', { ...serving, username: 'a', groups: [] }, false],
  ['what somebody asks who only calls himself a node', { ...serving, groups: [] }, false],
  ['the proxy of a node', component, true],
  [
    'the name server of a node',
    { ...component, commonName: 'k8ts:coredns:a', organizations: ['k8ts:coredns'] },
    true,
  ],
  ['the proxy of another node', { ...component, commonName: 'k8ts:kube-proxy:b' }, false],
  ['a proxy with the rights of another component', { ...component, organizations: ['k8ts:coredns'] }, false],
  ['the proxy of all nodes', { ...component, commonName: 'system:kube-proxy', organizations: [] }, false],
  [
    'the account of the provisioner of volumes',
    {
      ...component,
      commonName: 'system:serviceaccount:kube-system:local-path-provisioner',
      organizations: accountGroups,
    },
    false,
  ],
  ['a proxy that is more', { ...component, organizations: ['k8ts:kube-proxy', 'system:masters'] }, false],
  ['anybody else', { ...component, commonName: 'system:kube-controller-manager' }, false],
  ['a proxy that serves', { ...component, usage: 'server auth' }, false],
]

for (const [what, wanted, approved] of rows) {
  test(`nodeRequestsApprovingReconciler ${approved ? 'approves' : 'leaves alone'}: ${what}`, async () => {
    const harness = await runReconcilers([nodeRequestsApprovingReconciler], ({ client }) => {
      client.seed(nodes, {
        metadata: { name: 'b' },
        spec: { podCIDRs: ['10.244.1.0/24'] },
        status: { addresses: [{ type: 'InternalIP', address: '10.0.0.2' }] },
      })
      client.seed(serviceCIDRs, { metadata: { name: 'kubernetes' }, spec: { cidrs: ['10.96.0.0/16'] } })
      client.seed(certificateSigningRequests, aRequest(wanted))
    })
    const { status } = await harness.one(certificateSigningRequests, 'request')
    assert.equal(status?.conditions?.some(({ type }) => type === 'Approved') ?? false, approved)
    await harness.stop()
  })
}
