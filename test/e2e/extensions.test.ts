import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '../../src/machinery/clock.ts'
import { createCertificateAuthority, issueCertificate } from '../../src/machinery/pki/certificate.ts'
import { disallowed, testKey } from '../conformance/harness/sample-webhook.ts'
import { withoutContainers } from './harness/machine.ts'
import { nodeImage, writeNodeImage } from './harness/node-image.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

/** A program of ours as a pod behind a service on port 443, with a certificate for the service's name. */
function aServer(name: string, program: string) {
  const now = systemClock.now()
  const authority = createCertificateAuthority({ commonName: `${name}-ca`, now })
  const { certificatePem, privateKeyPem } = issueCertificate(authority, {
    commonName: name,
    names: { dnsNames: [`${name}.default.svc`] },
    usages: ['server auth', 'digital signature'],
    now,
  })
  const labels = { app: name }
  const objects = [
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name },
      stringData: { 'tls.crt': certificatePem, 'tls.key': privateKeyPem },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: nodeImage,
            command: ['node', `/programs/${program}.mjs`],
            volumeMounts: [{ name: 'certificate', mountPath: '/certificate' }],
            readinessProbe: { tcpSocket: { port: 8443 }, periodSeconds: 1 },
          },
        ],
        volumes: [{ name: 'certificate', secret: { secretName: name } }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { selector: labels, ports: [{ port: 443, targetPort: 8443 }] },
    },
  ]
  return { objects, caBundle: Buffer.from(authority.certificatePem).toString('base64') }
}

describe('extensions in pods', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('extensions')
    await cluster.up()
    const image = join(cluster.folder, 'node-image.tar')
    const sources = { webhook: 'webhook-program.ts', 'api-server': 'api-server-program.ts' }
    writeFileSync(
      image,
      writeNodeImage(
        Object.fromEntries(
          Object.entries(sources).map(([name, file]) => [name, `test/e2e/extensions/${file}`]),
        ),
      ),
    )
    const loaded = await cluster.k8ts('image', 'load', image)
    assert.equal(loaded.exitCode, 0, loaded.stderr)
  })
  after(() => cluster.delete())

  async function start(name: string, program: string): Promise<string> {
    const { objects, caBundle } = aServer(name, program)
    await cluster.kubectl.apply(...objects)
    await cluster.kubectl(['wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s'])
    return caBundle
  }

  it('a webhook behind a service denies and changes, if its authority is the one named', async () => {
    const { kubectl } = cluster
    const caBundle = await start('hooks', 'webhook')
    const configuration = (kind: string, path: string, ca: string) => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind,
      metadata: { name: 'hooks' },
      webhooks: [
        {
          name: 'hooks.example.com',
          clientConfig: { service: { namespace: 'default', name: 'hooks', path }, caBundle: ca },
          rules: [
            { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
          ],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } },
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
        },
      ],
    })
    const create = (name: string, key: string, value: string) =>
      kubectl.result([
        'create',
        'configmap',
        name,
        `--from-literal=${key}=${value}`,
        '-o',
        'jsonpath={.data}',
      ])
    await kubectl.apply(
      configuration('ValidatingWebhookConfiguration', '/data', caBundle),
      configuration('MutatingWebhookConfiguration', '/mutate-data', caBundle),
    )
    const denied = await until('the webhook is asked', async () => {
      const result = await create('bad', testKey, disallowed)
      return /denied the request/.test(result.stderr) && result
    })
    assert.match(
      denied.stderr,
      /^error: failed to create configmap: admission webhook "hooks\.example\.com" denied the request: it contains unwanted data/,
    )
    const { stdout } = await create('good', 'mutation-start', 'yes')
    assert.deepEqual(JSON.parse(stdout), { 'mutation-start': 'yes', 'mutation-stage-1': 'yes' })
    const { caBundle: otherAuthority } = aServer('hooks', 'webhook')
    await kubectl.apply(configuration('ValidatingWebhookConfiguration', '/data', otherAuthority))
    const refused = await until('the other authority counts', async () => {
      const result = await create(`other-${performance.now().toFixed()}`, 'a', 'b')
      return result.exitCode !== 0 && result
    })
    assert.match(
      refused.stderr,
      /failed calling webhook "hooks\.example\.com": failed to call webhook: Post "https:\/\/hooks\.default\.svc:443\/data\?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority/,
    )
    await kubectl(['delete', 'validatingwebhookconfiguration,mutatingwebhookconfiguration', 'hooks'])
  })

  it('an API server behind a service serves its kinds, with the access of the cluster', async () => {
    const { kubectl } = cluster
    const bind = (kind: string, namespace: string | undefined, roleKind: string, role: string) => ({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind,
      metadata: { name: 'wardle', ...(namespace && { namespace }) },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: roleKind, name: role },
      subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }],
    })
    await kubectl.apply(
      bind('ClusterRoleBinding', undefined, 'ClusterRole', 'system:auth-delegator'),
      bind('RoleBinding', 'kube-system', 'Role', 'extension-apiserver-authentication-reader'),
    )
    const caBundle = await start('wardle', 'api-server')
    await kubectl.apply({
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1.wardle.example.com' },
      spec: {
        group: 'wardle.example.com',
        version: 'v1',
        groupPriorityMinimum: 2000,
        versionPriority: 200,
        service: { namespace: 'default', name: 'wardle' },
        caBundle,
      },
    })
    await kubectl(['wait', 'apiservice/v1.wardle.example.com', '--for=condition=Available', '--timeout=30s'])
    await until('its kinds are discovered', async () => {
      return (await kubectl(['api-resources', '--api-group=wardle.example.com'])).includes('flunders')
    })

    const watch = kubectl.start(['get', 'flunders', '--watch', '-o', 'name'])
    const flunder = (name: string, ownerReferences: object[] = []) => ({
      apiVersion: 'wardle.example.com/v1',
      kind: 'Flunder',
      metadata: { name, ownerReferences },
    })
    const create = (object: object, ...args: string[]) =>
      kubectl(['create', '--validate=false', '-f', '-', ...args], { stdin: JSON.stringify(object) })
    assert.equal(await create(flunder('one')), 'flunder.wardle.example.com/one created\n')
    assert.match(await kubectl(['get', 'flunders']), /^NAME +AGE\none +/)
    assert.equal(
      await kubectl(['delete', 'flunder', 'one']),
      'flunder.wardle.example.com "one" deleted from default namespace\n',
    )
    await until('the watch told', () => watch.stdout().includes('flunder.wardle.example.com/one'))
    watch.child.kill()
    await watch.ended

    const refused = await kubectl.result(['get', 'flunders', '--as', 'nobody'])
    assert.match(refused.stderr, /Forbidden.*User "nobody" cannot list/)

    await kubectl(['create', 'configmap', 'owner'])
    const uid = await kubectl(['get', 'configmap', 'owner', '-o', 'jsonpath={.metadata.uid}'])
    await create(flunder('owned', [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }]))
    await kubectl(['delete', 'configmap', 'owner'])
    await until(
      'the owned flunder is collected',
      async () => (await kubectl(['get', 'flunders', '-o', 'name'])) === '',
      60_000,
    )

    await kubectl(['create', 'namespace', 'going'])
    await create(flunder('inside'), '--namespace', 'going')
    await kubectl(['delete', 'namespace', 'going', '--timeout=60s'])
    assert.equal(await kubectl(['get', 'flunders', '--all-namespaces', '-o', 'name']), '')
    await kubectl(['delete', 'apiservice', 'v1.wardle.example.com'])
  })
})
