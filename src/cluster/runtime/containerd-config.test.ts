import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { containerdConfig, parseContainerdVersion, type ContainerdSettings } from './containerd-config.ts'

function settings(major: number, minor: number): ContainerdSettings {
  return {
    root: '/c/root',
    state: '/run/c/state',
    socket: '/run/c/containerd.sock',
    version: { major, minor },
    sandboxImage: 'k8ts.io/pause:1',
    cniPlugins: '/usr/lib/cni',
    cniConfiguration: '/c/cni "odd"',
    snapshotter: 'overlayfs',
    restrictOomScoreAdj: true,
  }
}

/** The lines below one table's header. */
function tableOf(config: string, header: string): string[] {
  const start = config.indexOf(`[${header}]\n`)
  assert.notEqual(start, -1, `no [${header}]`)
  return config.slice(start).split('\n\n')[0]!.trimEnd().split('\n').slice(1)
}

describe('containerdConfig', () => {
  it('is of version 2 for 1.6', () => {
    const config = containerdConfig(settings(1, 6))
    assert.match(config, /^"version" = 2\n"root" = "\/c\/root"\n"state" = "\/run\/c\/state"\n/)
    assert.deepEqual(tableOf(config, '"plugins"."io.containerd.grpc.v1.cri"'), [
      '"sandbox_image" = "k8ts.io/pause:1"',
      '"restrict_oom_score_adj" = true',
      '"netns_mounts_under_state_dir" = true',
      '"disable_tcp_service" = true',
      '"stream_server_address" = "127.0.0.1"',
      '"stream_server_port" = "0"',
    ])
    assert.deepEqual(tableOf(config, '"plugins"."io.containerd.grpc.v1.cri"."cni"'), [
      '"bin_dir" = "/usr/lib/cni"',
      '"conf_dir" = "/c/cni \\"odd\\""',
    ])
  })

  it('is of version 3 for 2.x', () => {
    const config = containerdConfig(settings(2, 1))
    assert.match(config, /^"version" = 3\n/)
    assert.deepEqual(tableOf(config, '"plugins"."io.containerd.cri.v1.images"."pinned_images"'), [
      '"sandbox" = "k8ts.io/pause:1"',
    ])
    assert.deepEqual(tableOf(config, '"plugins"."io.containerd.cri.v1.runtime"'), [
      '"restrict_oom_score_adj" = true',
      '"netns_mounts_under_state_dir" = true',
    ])
  })
})

describe('parseContainerdVersion', () => {
  const rows = [
    ['containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3', { major: 1, minor: 6 }],
    ['containerd github.com/containerd/containerd/v2 2.1.9+ds1 2.1.9+ds1-5', { major: 2, minor: 1 }],
    ['containerd containerd.io v2.0.0 abcdef', { major: 2, minor: 0 }],
    ['something else', undefined],
  ] as const
  for (const [output, version] of rows) {
    it(`reads '${output}'`, () => assert.deepEqual(parseContainerdVersion(output), version))
  }
})
