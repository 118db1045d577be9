import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'

/*
 * The points of the CIS Kubernetes Benchmark 1.12 about who can read and write what a cluster keeps on disk;
 * docs/cis-benchmark.md has all of its points.
 */

describe('CIS 1.1 and 4.1: files', () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('cis')
    await cluster.up('--nodes', '1')
  })
  after(() => cluster.delete())

  /** Every file and folder, by its path in the cluster's folder; the nodes' containers and logs of pods are their own. */
  function everything(folder = cluster.folder): string[] {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      if (!entry.isDirectory()) return entry.isFile() ? [path] : []
      const isOfContainers = /containerd|kubelet$|pods|volumes|images/.test(entry.name)
      return isOfContainers ? [path] : [path, ...everything(path)]
    })
  }
  const modeOf = (path: string) => statSync(path).mode & 0o777
  const named = (pattern: RegExp) =>
    everything().filter((path) => pattern.test(relative(cluster.folder, path)))
  const rows: readonly (readonly [points: string, pattern: RegExp, most: number])[] = [
    ['1.1.13 kubeconfig', /^kubeconfig$/, 0o600],
    ['1.1.21 keys', /\.key$/, 0o600],
    ['1.1.20, 4.1.7 certificates', /\.crt$/, 0o644],
    ['1.1.19 the folder of certificates', /^pki$/, 0o700],
    ['1.1.11 the folder of the store', /^data$/, 0o700],
    ['1.1.11 files of the store', /^data\//, 0o600],
    ['4.1.9 what nodes are told', /agent\.json$/, 0o600],
    ['1.1.1, 1.1.3, 1.1.5 manifests', /(apiserver|controller-manager|scheduler|proxy|coredns)\.json$/, 0o600],
  ]
  for (const [points, pattern, most] of rows) {
    it(points, () => {
      const found = named(pattern)
      assert.ok(found.length > 0, everything().join('\n'))
      for (const path of found)
        assert.equal(modeOf(path) & ~most, 0, `${path} is ${modeOf(path).toString(8)}`)
    })
  }

  it('1.1.2 and the others about owners', () => {
    for (const path of everything()) assert.equal(statSync(path).uid, process.getuid?.(), path)
  })

  it('nobody but the owner gets into the folder at all', () => {
    for (const path of named(/^(pki|data|logs|nodes)$/)) assert.equal(modeOf(path) & 0o077, 0, path)
  })
})
