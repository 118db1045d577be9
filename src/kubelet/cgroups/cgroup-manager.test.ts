import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { test } from 'node:test'
import { whyNoContainers } from '../testing/containerd.ts'
import { openCgroups } from './cgroup-manager.ts'

const mountPoint = '/sys/fs/cgroup'
const isUnified = existsSync(`${mountPoint}/cgroup.controllers`)

test('openCgroups limits cgroups that are there', { skip: whyNoContainers() ?? false }, async (t) => {
  const path = `/k8ts-reserved-${process.pid}`
  const [cpu, memory] = isUnified ? [mountPoint, mountPoint] : [`${mountPoint}/cpu`, `${mountPoint}/memory`]
  const cgroups = await openCgroups({ cgroupRoot: '/' })
  await assert.rejects(cgroups.enforce(path, { milliCPU: 500 }), {
    message: `["${path.slice(1)}"] cgroup does not exist`,
  })
  for (const parent of new Set([cpu, memory])) {
    mkdirSync(`${parent}${path}`)
    t.after(() => rmdirSync(`${parent}${path}`))
  }
  await cgroups.enforce(path, { milliCPU: 500, memoryBytes: 64 * 2 ** 20 })
  const read = (file: string) => readFileSync(file, 'utf8').trim()
  const [shares, bytes] = isUnified
    ? [`${cpu}${path}/cpu.weight`, `${memory}${path}/memory.max`]
    : [`${cpu}${path}/cpu.shares`, `${memory}${path}/memory.limit_in_bytes`]
  assert.deepEqual([read(shares), read(bytes)], [isUnified ? '20' : '512', String(64 * 2 ** 20)])
  await cgroups.enforce(path, { milliCPU: 1000 })
  assert.deepEqual([read(shares), read(bytes)], [isUnified ? '39' : '1024', String(64 * 2 ** 20)])
})
