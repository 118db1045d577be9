import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import {
  csiDrivers,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  volumeAttachments,
} from '../../api/generated/resources.ts'
import { aPod } from '../testing/a-pod.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import type { TestContext } from '../../client/testing/test-context.ts'
import { attachDetachReconciler } from './attach-detach.ts'

const uniqueName = 'kubernetes.io/csi/d^h'

function aVolume(accessModes: readonly string[] = ['ReadWriteOnce']): PersistentVolume {
  const claimRef = { namespace: 'default', name: 'c', uid: 'c' }
  return {
    metadata: { name: 'v' },
    spec: { accessModes, claimRef, csi: { driver: 'd', volumeHandle: 'h' } },
  } as PersistentVolume
}

const aClaim: PersistentVolumeClaim = {
  metadata: { namespace: 'default', name: 'c', uid: 'c' },
  spec: { volumeName: 'v' },
  status: { phase: 'Bound' },
}

const aUser = (name: string, nodeName: string) =>
  aPod(name, { spec: { nodeName, volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] } })

function aNode(name: string, ready = true, status: Node['status'] = {}): Node {
  const condition = {
    type: 'Ready',
    status: ready ? 'True' : 'Unknown',
    lastTransitionTime: new Date(0).toISOString().replace('.000', ''),
  }
  return { metadata: { name }, status: { conditions: [condition], ...status } }
}

void describe('attachDetachReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  const run = async (seed: (context: TestContext) => void, volume = aVolume()) => {
    harness = await runReconcilers([attachDetachReconciler()], (context) => {
      context.client.seed(persistentVolumes, volume)
      context.client.seed(persistentVolumeClaims, aClaim)
      seed(context)
    })
    await harness.settle()
  }
  const attachedTo = async () => (await harness.all(volumeAttachments)).map(({ spec }) => spec.nodeName)
  /** As the driver's attacher does. */
  const attach = async () => {
    for (const { metadata } of await harness.all(volumeAttachments)) {
      const key = metadata?.name ?? ''
      await harness.edit(volumeAttachments, key, (va) => ({ ...va, status: { attached: true } }), 'status')
    }
    await harness.settle()
  }
  const told = async (name: string) => (await harness.one(nodes, name)).status?.volumesAttached

  void it('attaches a volume to the node of its pod, and detaches it when the node has let go of it', async () => {
    await run(({ client }) => {
      client.seed(nodes, aNode('n'))
      client.seed(pods, aUser('p', 'n'))
    })
    assert.deepEqual(await attachedTo(), ['n'])
    assert.equal(await told('n'), undefined)
    await attach()
    assert.deepEqual(await told('n'), [{ name: uniqueName, devicePath: '' }])
    assert.deepEqual(await harness.events(), [
      'SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "v" ',
    ])
    const setInUse = (volumesInUse: readonly string[]) =>
      harness.edit(nodes, 'n', (node) => ({ ...node, status: { ...node.status, volumesInUse } }), 'status')
    await setInUse([uniqueName])
    await harness.client.delete(pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 })
    await harness.settle()
    assert.deepEqual(await attachedTo(), ['n'])
    await setInUse([])
    await harness.settle()
    assert.deepEqual(await attachedTo(), [])
    assert.deepEqual(await told('n'), [])
  })

  void it('leaves alone what somebody else attaches', async () => {
    const source = { persistentVolumeName: 'none' }
    await run(({ client }) => {
      client.seed(nodes, aNode('n'))
      client.seed(volumeAttachments, {
        metadata: { name: 'someone’s' },
        spec: { attacher: 'd', nodeName: 'n', source },
      })
    })
    assert.deepEqual(await attachedTo(), ['n'])
  })

  void it('attaches nothing for drivers that do not ask for it', async () => {
    await run(({ client }) => {
      client.seed(csiDrivers, { metadata: { name: 'd' }, spec: { attachRequired: false } })
      client.seed(nodes, aNode('n'))
      client.seed(pods, aUser('p', 'n'))
    })
    assert.deepEqual(await attachedTo(), [])
  })

  for (const [mode, expected] of [
    ['ReadWriteOnce', ['n']],
    ['ReadWriteMany', ['m', 'n']],
  ] as const) {
    void it(`attaches a ${mode} volume to ${expected.length} node(s) at a time`, async () => {
      await run(
        ({ client }) => {
          client.seed(nodes, aNode('n'), aNode('m'))
          client.seed(pods, aUser('p', 'n'))
        },
        aVolume([mode]),
      )
      await harness.client.create(pods, aUser('q', 'm'))
      await harness.settle()
      assert.deepEqual((await attachedTo()).toSorted(), expected)
      const events = await harness.events()
      if (mode === 'ReadWriteOnce')
        assert.equal(
          events[0],
          'FailedAttachVolume: Multi-Attach error for volume "v" Volume is already used by pod(s) p',
        )
      await harness.client.delete(pods, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 })
      await harness.settle()
      await harness.pass(10_000)
      assert.deepEqual(await attachedTo(), ['m'])
    })
  }

  const removePod = async (name = 'p') => {
    await harness.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
    await harness.settle()
  }
  const forced = (reason: string) =>
    new RegExp(`forced_detaches\\{reason="${reason}"\\} 1`).test(harness.metrics.text())

  void it('takes a volume from a node that does not answer six minutes after nobody wants it there', async () => {
    await run(({ client }) => {
      client.seed(nodes, aNode('n', false, { volumesInUse: [uniqueName] }))
      client.seed(pods, aUser('p', 'n'))
    })
    await harness.pass(60 * 60_000)
    await removePod()
    await harness.pass(5 * 60_000)
    assert.deepEqual(await attachedTo(), ['n'])
    await harness.pass(61_000)
    assert.deepEqual(await attachedTo(), [])
    assert.ok(forced('timeout'))
  })

  void it('counts the six minutes anew when the volume was wanted again', async () => {
    await run(({ client }) => {
      client.seed(nodes, aNode('n', false, { volumesInUse: [uniqueName] }))
      client.seed(pods, aUser('p', 'n'))
    })
    await removePod()
    await harness.pass(5 * 60_000)
    await harness.client.create(pods, aUser('q', 'n'))
    await harness.settle()
    await removePod('q')
    await harness.pass(5 * 60_000)
    assert.deepEqual(await attachedTo(), ['n'])
    await harness.pass(61_000)
    assert.deepEqual(await attachedTo(), [])
  })

  void it('takes a volume from a node that is out of service at once', async () => {
    await run(({ client }) => {
      const node = aNode('n', false, { volumesInUse: [uniqueName] })
      const taints = [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' as const }]
      client.seed(nodes, { ...node, spec: { taints } })
      client.seed(pods, aUser('p', 'n'))
    })
    await removePod()
    assert.deepEqual(await attachedTo(), [])
    assert.ok(forced('out-of-service'))
  })

  for (const [what, volumesInUse, waits] of [
    ['had let go of it', [], false],
    ['used it', [uniqueName], true],
  ] as const)
    void it(`takes a volume from a node that has gone and ${what} ${waits ? 'after six minutes' : 'at once'}`, async () => {
      await run(({ client }) => {
        client.seed(nodes, aNode('n', true, { volumesInUse }))
        client.seed(pods, aUser('p', 'n'))
      })
      await harness.client.delete(nodes, { name: 'n' })
      await removePod()
      assert.deepEqual(await attachedTo(), waits ? ['n'] : [])
      await harness.pass(6 * 60_000)
      assert.deepEqual(await attachedTo(), [])
    })

  void it('counts in metrics what is to be attached and what is', async () => {
    await run(({ client }) => {
      client.seed(nodes, aNode('n'))
      client.seed(pods, aUser('p', 'n'))
    })
    const text = harness.metrics.text()
    const volumes = 'attachdetach_controller_total_volumes{plugin_name="kubernetes.io/csi:d",state='
    for (const series of [
      `${volumes}"actual_state_of_world"} 1`,
      `${volumes}"desired_state_of_world"} 1`,
      'storage_count_attachable_volumes_in_use{node="n",volume_plugin="kubernetes.io/csi"} 1',
    ])
      assert.ok(text.includes(`\n${series}\n`), series)
  })
})
