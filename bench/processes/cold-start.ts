/** A first `startCluster()` in a new process: prints the milliseconds of the import and of the call, and ends. */
const start = performance.now()
const { startCluster } = await import('../../src/cluster/testing.ts')
const imported = performance.now()
const cluster = await startCluster()
const started = performance.now()
process.stdout.write(JSON.stringify({ importMs: imported - start, startMs: started - imported }))
await cluster.stop()
