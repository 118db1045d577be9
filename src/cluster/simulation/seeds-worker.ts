import { parentPort, workerData } from 'node:worker_threads'
import { runScenario } from './scenario.ts'

for (const seed of workerData as readonly number[]) {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
  parentPort?.postMessage({ seed, ...(await runScenario(seed)) })
}
