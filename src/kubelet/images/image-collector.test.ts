import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { ContainerRuntime, Image } from '../runtime/runtime.ts'
import { createImageCollector, type ImageCollectorOptions } from './image-collector.ts'

const anImage = (id: string, image: Partial<Image> = {}): Image => ({
  id,
  repoTags: [`${id}:1`],
  repoDigests: [],
  sizeBytes: 100,
  username: '',
  pinned: false,
  ...image,
})

function collectorOver(images: Image[], settings: Partial<ImageCollectorOptions> = {}) {
  const clock = fakeClock()
  const failures: string[] = []
  let usedBytes = 0
  const runtime = {
    listImages: async () => images,
    async removeImage({ image }: { image: string }) {
      images.splice(
        images.findIndex(({ id }) => id === image),
        1,
      )
      usedBytes -= 100
    },
  } as unknown as ContainerRuntime
  const used = new Set<string>()
  const collector = createImageCollector({
    runtime,
    clock,
    log: silentLogger,
    used: () => used,
    filesystem: async () => ({ available: 1000 - usedBytes, capacity: 1000 }),
    onFailure: (_reason, message) => failures.push(message),
    ...settings,
  })
  return {
    clock,
    collector,
    failures,
    used,
    fill: (bytes: number) => (usedBytes = bytes),
    left: () => images.map(({ id }) => id),
  }
}

describe('createImageCollector', () => {
  it('removes what was not used longest until the disk is below the low threshold', async () => {
    const world = collectorOver(['a', 'b', 'c', 'd'].map((id) => anImage(id)))
    world.used.add('c:1').add('d')
    await world.clock.advance(60_000)
    world.used.delete('c:1')
    await world.clock.advance(180_000)
    world.fill(840)
    await world.collector.collect()
    assert.deepEqual(world.left(), ['a', 'b', 'c', 'd'])
    world.fill(900)
    await world.collector.collect()
    assert.deepEqual(world.left(), ['b', 'c', 'd'])
    world.fill(1000)
    await world.collector.collect()
    assert.deepEqual(world.left(), ['d'])
    assert.deepEqual(world.failures, [])
  })

  it('keeps what is used, pinned or young, and tells when that is not enough', async () => {
    const world = collectorOver([anImage('used'), anImage('pinned', { pinned: true }), anImage('young')])
    world.used.add('used')
    world.fill(950)
    await world.collector.collect()
    assert.deepEqual(world.left(), ['used', 'pinned', 'young'])
    assert.deepEqual(world.failures, [
      'Failed to garbage collect required amount of images. Attempted to free 150 bytes, but only found 0 bytes eligible to free.',
    ])
    await world.clock.advance(120_000)
    await world.collector.removeUnused()
    assert.deepEqual(world.left(), ['used', 'pinned'])
  })

  it('removes what has not been used for as long as is said, whatever the disk has', async () => {
    const world = collectorOver([anImage('used'), anImage('old')], { maximumAgeMs: 600_000 })
    world.used.add('used')
    await world.clock.advance(590_000)
    assert.deepEqual(world.left(), ['used', 'old'])
    await world.clock.advance(400_000)
    assert.deepEqual(world.left(), ['used'])
  })
})
