import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Pod, PodSpec } from '../../api/generated/core.v1.ts'
import type { RuntimeHandler } from '../runtime/runtime.ts'
import { idsUnit } from './id-range.ts'
import { openUserNamespaces } from './user-namespaces.ts'

const able: RuntimeHandler = { name: '', recursiveReadOnlyMounts: false, userNamespaces: true }
const aPod = (uid: string, spec: Partial<PodSpec> = { hostUsers: false }): Pod => ({
  metadata: { uid },
  spec: { containers: [], ...spec },
})

describe('user namespaces', () => {
  let rootDirectory = ''
  beforeEach(async () => {
    rootDirectory = await mkdtemp(join(tmpdir(), 'user-namespaces-'))
  })
  afterEach(() => rm(rootDirectory, { recursive: true }))

  const open = (handlers: readonly RuntimeHandler[] | undefined = [able], slots = 3) =>
    openUserNamespaces({
      rootDirectory,
      range: { first: idsUnit, length: slots * idsUnit },
      idsPerPod: idsUnit,
      handlers: () => handlers,
    })
  const fileOf = (uid: string) => join(rootDirectory, 'pods', uid, 'userns')

  it('give each pod ids of its own, and the same again', async () => {
    const users = await open()
    const first = await users.mappingOf(aPod('a'), '')
    const second = await users.mappingOf(aPod('b'), '')
    assert.deepEqual(first, { hostID: 65_536, containerID: 0, length: 65_536 })
    assert.deepEqual(second, { hostID: 131_072, containerID: 0, length: 65_536 })
    assert.deepEqual(await users.mappingOf(aPod('a'), ''), first)
  })

  it('leave pods that do not ask the users of the node', async () => {
    const users = await open([])
    assert.equal(await users.mappingOf(aPod('a', { hostUsers: true }), ''), undefined)
    assert.equal(await users.mappingOf(aPod('b', {}), ''), undefined)
  })

  it('are those that a kubelet before has given', async () => {
    const before = await open()
    await before.mappingOf(aPod('a'), '')
    const given = await before.mappingOf(aPod('b'), '')
    const after = await open()
    assert.deepEqual(await after.mappingOf(aPod('b'), ''), given)
    assert.equal((await after.mappingOf(aPod('c'), ''))?.hostID, 3 * idsUnit)
    assert.deepEqual(JSON.parse(await readFile(fileOf('b'), 'utf8')), {
      uidMappings: [{ hostId: 131_072, containerId: 0, length: 65_536 }],
      gidMappings: [{ hostId: 131_072, containerId: 0, length: 65_536 }],
    })
  })

  it('are given again when their pod is gone, the longest free first', async () => {
    const users = await open()
    for (const uid of ['a', 'b']) await users.mappingOf(aPod(uid), '')
    users.release('a')
    users.release('unknown')
    assert.equal((await users.mappingOf(aPod('c'), ''))?.hostID, 3 * idsUnit)
    assert.equal((await users.mappingOf(aPod('d'), ''))?.hostID, idsUnit)
    await assert.rejects(users.mappingOf(aPod('e'), ''), {
      message: 'create user namespace: could not find an empty slot to allocate a user namespace',
    })
  })

  it('are not given where they cannot be written down', async () => {
    const users = await open([able], 1)
    await writeFile(join(rootDirectory, 'pods'), 'no directory')
    const asked = [users.mappingOf(aPod('a'), ''), users.mappingOf(aPod('a'), '')]
    for (const { status } of await Promise.allSettled(asked)) assert.equal(status, 'rejected')
    await rm(join(rootDirectory, 'pods'))
    assert.equal((await users.mappingOf(aPod('b'), ''))?.hostID, idsUnit)
  })

  it('are refused where the runtime cannot make them', async () => {
    const start = "can't set `spec.hostUsers: false`, "
    const unable = { ...able, name: 'old', userNamespaces: false }
    const rows: readonly (readonly [readonly RuntimeHandler[] | undefined, string, string])[] = [
      [[{ ...able, userNamespaces: false }], '', 'runtime does not support user namespaces'],
      [[able, unable], 'old', 'RuntimeClass handler "old" does not support user namespaces'],
      [[], '', 'runtime does not support user namespaces: the handler "" is not known'],
    ]
    for (const [handlers, handler, end] of rows) {
      const users = await open(handlers)
      await assert.rejects(users.mappingOf(aPod('a'), handler), { message: start + end })
    }
  })

  it('are not guessed where what was given cannot be understood', async () => {
    const mapping = (hostId: number, length = idsUnit, containerId = 0) => [{ hostId, containerId, length }]
    const rows: readonly (readonly [string, RegExp])[] = [
      ['{', /invalid mappings file .*a\/userns/],
      ['{}', /there must be one mapping/],
      [
        JSON.stringify({ uidMappings: mapping(65_536), gidMappings: mapping(131_072) }),
        /should be identical/,
      ],
      [JSON.stringify(both(mapping(65_536, idsUnit, 1))), /UID 0 must be mapped/],
      [JSON.stringify(both(mapping(65_536, 5))), /wrong user namespace length 5/],
      [JSON.stringify(both(mapping(65_537))), /wrong user namespace offset 65537/],
      [JSON.stringify(both(mapping(0))), /id 0 is out of range/],
    ]
    await mkdir(join(rootDirectory, 'pods', 'a'), { recursive: true })
    for (const [content, message] of rows) {
      await writeFile(fileOf('a'), content)
      await assert.rejects(open(), { message })
    }
  })
})

function both(mappings: unknown): object {
  return { uidMappings: mappings, gidMappings: mappings }
}
