import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import type { StorageClass } from '../../api/generated/storage.v1.ts'
import {
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  storageClasses,
} from '../../api/generated/resources.ts'
import { aPod } from '../testing/a-pod.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { persistentVolumeBinder } from './binder.ts'

type VolumeSpec = NonNullable<PersistentVolume['spec']>
type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>

function aVolume(spec: VolumeSpec = {}, rest: Partial<PersistentVolume> = {}, name = 'v'): PersistentVolume {
  return {
    metadata: { name, uid: name },
    ...rest,
    spec: { capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' }, ...spec },
    status: { phase: 'Available', ...rest.status },
  }
}

function aClaim(
  spec: ClaimSpec = {},
  annotations: Readonly<Record<string, string>> = {},
  status: PersistentVolumeClaim['status'] = { phase: 'Pending' },
): PersistentVolumeClaim {
  return {
    metadata: { namespace: 'default', name: 'c', uid: 'c', annotations },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: '',
      ...spec,
    },
    status,
  }
}

function aClass(name: string, rest: Partial<StorageClass> = {}): StorageClass {
  return { metadata: { name }, provisioner: 'example.com/disk', volumeBindingMode: 'Immediate', ...rest }
}

const claimRef = (uid = 'c', name = 'c') => ({ namespace: 'default', name, ...(uid && { uid }) })
const byController = { 'pv.kubernetes.io/bound-by-controller': 'yes' }
const completed = { 'pv.kubernetes.io/bind-completed': 'yes' }
const provisioned = { 'pv.kubernetes.io/provisioned-by': 'example.com/disk' }

interface Scenario {
  readonly name: string
  readonly claims?: readonly PersistentVolumeClaim[]
  readonly volumes?: readonly PersistentVolume[]
  readonly classes?: readonly StorageClass[]
  readonly pods?: readonly string[]
  /** `phase volume` of the claim, and `phase claim` of each volume; ' ' separates annotations, by their last word. */
  readonly claim?: string
  readonly volume?: string
  readonly events?: readonly RegExp[]
}

const scenarios: readonly Scenario[] = [
  {
    name: 'binds a claim to a volume that does',
    claims: [aClaim()],
    volumes: [aVolume()],
    claim: 'Bound v bind-completed,bound-by-controller',
    volume: 'Bound c/c bound-by-controller',
  },
  {
    name: 'takes the smallest volume that does',
    claims: [aClaim()],
    volumes: [aVolume({ capacity: { storage: '9Gi' } }, {}, 'big'), aVolume()],
    claim: 'Bound v bind-completed,bound-by-controller',
  },
  {
    name: 'completes what the scheduler has reserved',
    claims: [aClaim({ storageClassName: 'late' })],
    classes: [aClass('late', { volumeBindingMode: 'WaitForFirstConsumer' })],
    volumes: [
      aVolume(
        { storageClassName: 'late', claimRef: claimRef() },
        { metadata: { name: 'v', annotations: byController } },
      ),
    ],
    claim: 'Bound v bind-completed,bound-by-controller',
    volume: 'Bound c/c bound-by-controller',
  },
  {
    name: 'binds a volume that its maker keeps for the claim',
    claims: [aClaim()],
    volumes: [aVolume({ claimRef: claimRef('') })],
    claim: 'Bound v bind-completed,bound-by-controller',
    volume: 'Bound c/c ',
  },
  {
    name: 'keeps a volume for a claim that is not there',
    volumes: [aVolume({ claimRef: claimRef('') }, { status: { phase: 'Pending' } })],
    volume: 'Available c/ ',
  },
  {
    name: 'binds a claim to the volume that it names',
    claims: [aClaim({ volumeName: 'v' })],
    volumes: [aVolume()],
    claim: 'Bound v bind-completed',
    volume: 'Bound c/c bound-by-controller',
  },
  {
    name: 'waits for a volume that the claim names',
    claims: [aClaim({ volumeName: 'v' })],
    claim: 'Pending v ',
    events: [],
  },
  {
    name: 'refuses a named volume that does not do',
    claims: [aClaim({ volumeName: 'v', resources: { requests: { storage: '3Gi' } } })],
    volumes: [aVolume()],
    claim: 'Pending v ',
    volume: 'Available / ',
    events: [/^VolumeMismatch: Cannot bind to requested volume "v": requested PV is too small$/],
  },
  {
    name: 'refuses a named volume that is being deleted',
    claims: [aClaim({ volumeName: 'v' })],
    volumes: [
      aVolume(
        {},
        { metadata: { name: 'v', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x/y'] } },
      ),
    ],
    claim: 'Pending v ',
    volume: 'Available / ',
    events: [/^VolumeMismatch: Cannot bind to requested volume "v": the volume is marked for deletion "v"$/],
  },
  {
    name: 'refuses a named volume that is another claim’s',
    claims: [aClaim({ volumeName: 'v' })],
    volumes: [aVolume({ claimRef: claimRef('', 'other') })],
    claim: 'Pending v ',
    events: [/^FailedBinding: volume "v" already bound to a different claim\.$/],
  },
  {
    name: 'says that there is no volume and no class',
    claims: [aClaim()],
    claim: 'Pending - ',
    events: [/^FailedBinding: no persistent volumes available for this claim and no storage class is set$/],
  },
  {
    name: 'says that there is no such class',
    claims: [aClaim({ storageClassName: 'none' })],
    claim: 'Pending - ',
    events: [/^ProvisioningFailed: storageclass\.storage\.k8s\.io "none" not found$/],
  },
  {
    name: 'waits for the first pod',
    claims: [aClaim({ storageClassName: 'late' })],
    classes: [aClass('late', { volumeBindingMode: 'WaitForFirstConsumer' })],
    volumes: [aVolume({ storageClassName: 'late' })],
    claim: 'Pending - ',
    volume: 'Available / ',
    events: [/^WaitForFirstConsumer: waiting for first consumer to be created before binding$/],
  },
  {
    name: 'waits for any of several pods to have a node',
    claims: [aClaim({ storageClassName: 'late' })],
    classes: [aClass('late', { volumeBindingMode: 'WaitForFirstConsumer' })],
    pods: ['c', 'c'],
    claim: 'Pending - ',
    events: [/^WaitForPodScheduled: waiting for pods p,p1 to be scheduled$/],
  },
  {
    name: 'waits for the first pod to have a node',
    claims: [aClaim({ storageClassName: 'late' })],
    classes: [aClass('late', { volumeBindingMode: 'WaitForFirstConsumer' })],
    pods: ['c'],
    claim: 'Pending - ',
    events: [/^WaitForPodScheduled: waiting for pod p to be scheduled$/],
  },
  {
    name: 'asks the provisioner of an immediate class',
    claims: [aClaim({ storageClassName: 'fast' })],
    classes: [aClass('fast')],
    claim: 'Pending - storage-provisioner,storage-provisioner',
    events: [
      /^ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'example.com\/disk' or/,
    ],
  },
  {
    name: 'asks the provisioner once the first pod has its node',
    claims: [aClaim({ storageClassName: 'late' }, { 'volume.kubernetes.io/selected-node': 'n' })],
    classes: [aClass('late', { volumeBindingMode: 'WaitForFirstConsumer' })],
    claim: 'Pending - selected-node,storage-provisioner,storage-provisioner',
  },
  {
    name: 'gives a claim the default class that came later',
    claims: [
      { ...aClaim(), spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    ],
    classes: [
      aClass('standard', {
        metadata: {
          name: 'standard',
          annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
        },
      }),
    ],
    claim: 'Pending - storage-provisioner,storage-provisioner',
  },
  {
    name: 'says that a bound claim has lost its volume',
    claims: [aClaim({ volumeName: 'gone' }, completed, { phase: 'Bound', capacity: { storage: '1Gi' } })],
    claim: 'Lost gone bind-completed',
    events: [/^ClaimLost: Bound claim has lost its PersistentVolume\. Data on the volume is lost!$/],
  },
  {
    name: 'says that two claims have one volume',
    claims: [aClaim({ volumeName: 'v' }, completed, { phase: 'Bound' })],
    volumes: [aVolume({ claimRef: claimRef('other', 'other') }, { status: { phase: 'Bound' } })],
    claim: 'Lost v bind-completed',
    events: [/^ClaimMisbound: Two claims are bound to the same volume, this one is bound incorrectly$/],
  },
  {
    name: 'releases a volume whose claim has gone, and keeps it',
    volumes: [aVolume({ claimRef: claimRef(), persistentVolumeReclaimPolicy: 'Retain' })],
    volume: 'Released c/c ',
    events: [],
  },
  {
    name: 'releases a volume whose claim was made anew',
    claims: [aClaim({ resources: { requests: { storage: '5Gi' } } })],
    volumes: [aVolume({ claimRef: claimRef('before'), persistentVolumeReclaimPolicy: 'Retain' })],
    claim: 'Pending - ',
    volume: 'Released c/before ',
  },
  {
    name: 'leaves the deletion of a released volume to its provisioner',
    volumes: [
      aVolume(
        { claimRef: claimRef(), persistentVolumeReclaimPolicy: 'Delete' },
        { metadata: { name: 'v', annotations: provisioned } },
      ),
    ],
    volume: 'Released c/c provisioned-by',
    events: [],
  },
  {
    name: 'fails to delete a volume that nobody provisioned',
    volumes: [aVolume({ claimRef: claimRef(), persistentVolumeReclaimPolicy: 'Delete' })],
    volume: 'Failed c/c ',
    events: [
      /^VolumeFailedDelete: error getting deleter volume plugin for volume "v": no deletable volume plugin matched$/,
    ],
  },
  {
    name: 'refuses to recycle',
    volumes: [aVolume({ claimRef: claimRef(), persistentVolumeReclaimPolicy: 'Recycle' })],
    volume: 'Failed c/c ',
    events: [/^VolumeFailedRecycle: No recycler plugin found for the volume!$/],
  },
  {
    name: 'frees a volume whose claim has taken another',
    claims: [aClaim({ volumeName: 'w' }, completed, { phase: 'Bound' })],
    volumes: [
      aVolume(
        { claimRef: claimRef() },
        { metadata: { name: 'v', annotations: byController }, status: { phase: 'Bound' } },
      ),
      aVolume({ claimRef: claimRef() }, { status: { phase: 'Bound' } }, 'w'),
    ],
    volume: 'Available / ',
  },
  {
    name: 'does not bind a volume of another mode',
    claims: [aClaim({ volumeMode: 'Block' })],
    volumes: [aVolume({ claimRef: claimRef() })],
    claim: 'Pending - ',
    events: [/^FailedBinding/, /^VolumeMismatch: .*"v" to requested/, /^VolumeMismatch: .*"default\/c" due/],
  },
]

const lastWord = (key: string) => key.slice(key.lastIndexOf('/') + 1)
const annotationsOf = (annotations: Readonly<Record<string, string>> = {}) =>
  Object.keys(annotations).map(lastWord).toSorted().join(',')

void describe('persistentVolumeBinder', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  for (const scenario of scenarios) {
    void it(scenario.name, async () => {
      harness = await runReconcilers([persistentVolumeBinder], ({ client }) => {
        client.seed(storageClasses, ...(scenario.classes ?? []))
        client.seed(
          pods,
          ...(scenario.pods ?? []).map((claimName, index) =>
            aPod(`p${index || ''}`, {
              spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }] },
            }),
          ),
        )
        client.seed(persistentVolumes, ...(scenario.volumes ?? []))
        client.seed(persistentVolumeClaims, ...(scenario.claims ?? []))
      })
      await harness.settle()
      await harness.pass(60_000)
      if (scenario.claim !== undefined) {
        const { metadata, spec, status } = await harness.one(persistentVolumeClaims, 'default/c')
        const text = `${status?.phase} ${spec?.volumeName ?? '-'} ${annotationsOf(metadata?.annotations)}`
        assert.equal(text, scenario.claim)
      }
      if (scenario.volume !== undefined) {
        const { metadata, spec, status } = await harness.one(persistentVolumes, 'v')
        const { name = '', uid = '' } = spec?.claimRef ?? {}
        assert.equal(
          `${status?.phase} ${name}/${uid} ${annotationsOf(metadata?.annotations)}`,
          scenario.volume,
        )
      }
      if (scenario.events !== undefined) {
        const said = [...new Set(await harness.events())].toSorted()
        assert.equal(said.length, scenario.events.length, said.join('\n'))
        for (const [index, expected] of scenario.events.entries()) assert.match(said[index] ?? '', expected)
      }
      const calls = harness.client.calls.length
      await harness.pass(600_000)
      assert.equal(harness.client.calls.length, calls, 'goes quiet')
    })
  }

  void it('tells what a bound claim holds', async () => {
    harness = await runReconcilers([persistentVolumeBinder], ({ client }) => {
      client.seed(persistentVolumes, aVolume())
      client.seed(persistentVolumeClaims, aClaim())
    })
    await harness.settle()
    const { status } = await harness.one(persistentVolumeClaims, 'default/c')
    assert.deepEqual(status, {
      phase: 'Bound',
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '2Gi' },
    })
    await harness.client.delete(persistentVolumes, { name: 'v' })
    await harness.settle()
    assert.deepEqual((await harness.one(persistentVolumeClaims, 'default/c')).status, { phase: 'Lost' })
  })

  void it('releases a volume whose claim goes before it has named the volume', async () => {
    harness = await runReconcilers([persistentVolumeBinder], ({ client }) => {
      client.seed(persistentVolumes, aVolume({ claimRef: claimRef() }, { status: { phase: 'Bound' } }))
      client.seed(persistentVolumeClaims, aClaim({ resources: { requests: { storage: '9Gi' } } }))
    })
    await harness.settle()
    await harness.client.delete(persistentVolumeClaims, { namespace: 'default', name: 'c' })
    await harness.settle()
    assert.equal((await harness.one(persistentVolumes, 'v')).status?.phase, 'Released')
  })

  void it('gives each volume to one claim', async () => {
    harness = await runReconcilers([persistentVolumeBinder], ({ client }) => {
      for (let index = 0; index < 20; index++) {
        client.seed(persistentVolumes, aVolume({}, {}, `v${index}`))
        const name = `c${index}`
        client.seed(persistentVolumeClaims, {
          ...aClaim(),
          metadata: { namespace: 'default', name, uid: name },
        })
      }
    })
    await harness.pass(10_000)
    const claims = await harness.all(persistentVolumeClaims)
    assert.deepEqual(new Set(claims.map(({ status }) => status?.phase)), new Set(['Bound']))
    assert.equal(new Set(claims.map(({ spec }) => spec?.volumeName)).size, 20)
  })
})
