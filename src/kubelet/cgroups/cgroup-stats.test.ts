import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { processOf, readCgroup } from './cgroup-stats.ts'

describe('readCgroup', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'cgroup-stats-'))
  })
  after(() => rm(root, { recursive: true }))

  async function files(contents: Readonly<Record<string, string>>): Promise<void> {
    for (const [path, content] of Object.entries(contents)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), content)
    }
  }

  it('reads version 2', async () => {
    await files({
      'pods/a/cpu.stat':
        'usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 500000\n',
      'pods/a/memory.current': '1000\n',
      'pods/a/memory.stat':
        'anon 400\nfile 500\nfile_mapped 50\ninactive_file 300\npgfault 7\npgmajfault 1\ninactive_anon 9\n',
      'pods/a/memory.events': 'low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\n',
      'pods/a/memory.max': 'max\n',
      'pods/a/memory.peak': '2000\n',
      'pods/a/memory.swap.current': '60\n',
      'pods/a/memory.swap.max': '100\n',
      'pods/a/cgroup.procs': '12\n13\n',
      'pods/a/pids.current': '5\n',
      'pods/a/pids.max': 'max\n',
      'pods/a/io.stat': '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n',
      'pods/a/cpu.pressure':
        'some avg10=1.50 avg60=0.50 avg300=0.10 total=123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=23\n',
    })
    assert.deepEqual(await readCgroup(2, 'pods/a', root), {
      cpu: {
        usageNanoseconds: 5_000_000n,
        userSeconds: 0.003,
        systemSeconds: 0.002,
        periods: 10,
        throttledPeriods: 4,
        throttledSeconds: 0.5,
      },
      memory: {
        usageBytes: 1000,
        workingSetBytes: 700,
        rssBytes: 400,
        cacheBytes: 500,
        mappedFileBytes: 50,
        swapBytes: 60,
        maximumUsageBytes: 2000,
        limitBytes: Infinity,
        swapLimitBytes: 100,
        limitHits: 3,
        outOfMemoryKills: 1,
        pageFaults: 7,
        majorPageFaults: 1,
      },
      processes: 2,
      threads: 5,
      threadsLimit: Infinity,
      disks: [{ device: '8:0', reads: 1, writes: 2, readBytes: 10, writtenBytes: 20 }],
      pressure: {
        cpu: {
          some: { avg10: 1.5, avg60: 0.5, avg300: 0.1, totalMicroseconds: 123 },
          full: { avg10: 0, avg60: 0, avg300: 0, totalMicroseconds: 23 },
        },
      },
    })
    assert.equal(await processOf(2, 'pods/a', root), 12)
  })

  it('reads version 1', async () => {
    await files({
      'cpuacct/b/cpuacct.usage': '5000000\n',
      'cpuacct/b/cpuacct.stat': 'user 3\nsystem 2\n',
      'cpu/b/cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 500000000\n',
      'memory/b/memory.usage_in_bytes': '1000\n',
      'memory/b/memory.stat':
        'cache 1\nrss 1\ninactive_file 1\ntotal_cache 500\ntotal_rss 400\ntotal_mapped_file 50\ntotal_inactive_file 300\ntotal_pgfault 7\ntotal_pgmajfault 1\n',
      'memory/b/memory.max_usage_in_bytes': '2000\n',
      'memory/b/memory.limit_in_bytes': '9223372036854771712\n',
      'memory/b/memory.failcnt': '3\n',
      'memory/b/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
      'memory/b/cgroup.procs': '12\n',
      'blkio/b/blkio.throttle.io_service_bytes_recursive':
        '8:0 Read 10\n8:0 Write 20\n8:0 Total 30\nTotal 30\n',
      'blkio/b/blkio.throttle.io_serviced_recursive': '8:0 Read 1\n8:0 Write 2\nTotal 3\n',
    })
    assert.deepEqual(await readCgroup(1, 'b', root), {
      cpu: {
        usageNanoseconds: 5_000_000n,
        userSeconds: 0.03,
        systemSeconds: 0.02,
        periods: 10,
        throttledPeriods: 4,
        throttledSeconds: 0.5,
      },
      memory: {
        usageBytes: 1000,
        workingSetBytes: 700,
        rssBytes: 400,
        cacheBytes: 500,
        mappedFileBytes: 50,
        maximumUsageBytes: 2000,
        limitBytes: Infinity,
        limitHits: 3,
        outOfMemoryKills: 1,
        pageFaults: 7,
        majorPageFaults: 1,
      },
      processes: 1,
      disks: [{ device: '8:0', reads: 1, writes: 2, readBytes: 10, writtenBytes: 20 }],
    })
    assert.equal(await processOf(1, 'b', root), 12)
  })

  it('tells nothing of what is not there', async () => {
    for (const version of [1, 2] as const) {
      assert.equal(await readCgroup(version, 'none', root), undefined)
      assert.equal(await processOf(version, 'none', root), undefined)
    }
  })
})
