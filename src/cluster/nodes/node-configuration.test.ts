import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { KubeletOptions } from '../../kubelet/options.ts'
import { CliError } from '../cli/cli-error.ts'
import { readKubeletConfigurations, readNodeConfiguration, withConfiguration } from './node-configuration.ts'

function aFile(test: TestContext, body: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'node-configuration-'))
  test.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'kubelet.yaml')
  writeFileSync(file, `apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n${body}`)
  return file
}

const own: KubeletOptions = {
  runtime: { type: 'simulated' },
  eviction: { evictionHard: { 'memory.available': '100Mi' } },
  imageCollection: { imageGCHighThresholdPercent: 100 },
  server: { certificate: 'c', privateKey: 'k', clientCA: 'a' },
}

describe('withConfiguration', () => {
  it('puts what the file says over what the node has', (test) => {
    const file = aFile(
      test,
      'maxPods: 7\nimageMinimumGCAge: 1m\nauthentication: {webhook: {enabled: false}}\nevictionPressureTransitionPeriod: 5s\ntlsMinVersion: VersionTLS13',
    )
    const options = withConfiguration(own, file)
    assert.equal(options.maxPods, 7)
    assert.deepEqual(options.runtime, own.runtime)
    assert.deepEqual(options.eviction, { ...own.eviction, evictionPressureTransitionPeriodMs: 5000 })
    assert.deepEqual(options.imageCollection, { ...own.imageCollection, imageMinimumGCAgeMs: 60_000 })
    assert.deepEqual(options.server, {
      ...own.server,
      authenticateTokens: false,
      tlsMinVersion: 'VersionTLS13',
    })
  })

  it('serves nothing where the file says so', (test) => {
    assert.equal(withConfiguration(own, aFile(test, 'enableServer: false')).server, undefined)
  })
})

describe('readKubeletConfigurations', () => {
  it('puts the files of a directory over the one, in their order', (test) => {
    const file = aFile(test, 'maxPods: 7\npodPidsLimit: 100')
    const directory = join(dirname(file), 'kubelet.conf.d')
    mkdirSync(join(directory, '20-more'), { recursive: true })
    const header = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n'
    writeFileSync(join(directory, '30.conf'), `${header}maxPods: 9`)
    writeFileSync(join(directory, '20-more', 'a.conf'), `${header}maxPods: 8\nclusterDomain: a.local`)
    writeFileSync(join(directory, '40.conf.bak'), 'nonsense')
    const { options } = readKubeletConfigurations(file, directory) ?? {}
    assert.deepEqual([options?.maxPods, options?.podPidsLimit, options?.clusterDomain], [9, 100, 'a.local'])
    assert.equal(readKubeletConfigurations(undefined, directory)?.options.podPidsLimit, undefined)
    assert.equal(readKubeletConfigurations(undefined, undefined), undefined)
    writeFileSync(join(directory, '50.conf'), `${header}nonsense: 1`)
    assert.throws(
      () => readKubeletConfigurations(file, directory),
      (error) => error instanceof CliError && /50.conf: .*unknown field "nonsense"/.test(error.message),
    )
    assert.throws(() => readKubeletConfigurations(file, '/nowhere'), CliError)
  })
})

describe('readNodeConfiguration', () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['port: 1234', /kubelet.yaml: port: Forbidden: the cluster gives it to its nodes/],
    ['clusterDNS: [10.0.0.1]', /clusterDNS: Forbidden/],
    ['authentication: {x509: {clientCAFile: /a}}', /authentication.x509.clientCAFile: Forbidden/],
    ['cpuManagerPolicy: static', /cpuManagerPolicy: Forbidden: not supported; may only be "none"/],
    ['nonsense: 1', /unknown field "nonsense"/],
  ]
  for (const [body, message] of rows) {
    it(`refuses ${body}`, (test) => {
      const file = aFile(test, body)
      assert.throws(
        () => readNodeConfiguration(file),
        (error) => error instanceof CliError && message.test(error.message),
      )
    })
  }

  it('refuses a file that is not there', () => {
    assert.throws(() => readNodeConfiguration('/nowhere/kubelet.yaml'), CliError)
  })
})
