import { readFileSync } from 'node:fs'
import { openStore, type StoreContext, type StoreOptions } from '../../store/open.ts'
import { rootedStore } from '../../store/rooted-store.ts'
import { StoreError, type Store } from '../../store/store.ts'
import type { StoreChoice } from './cluster-state.ts'

type EtcdChoice = Extract<StoreChoice, { type: 'etcd' }>

/** How long etcd may take to answer the first time. */
const answersWithinMs = 10_000
/** Under which the API server keeps everything. */
const registryRoot = '/registry'
const deletedAtOnce = 200

/** Opens a cluster's store; throws where it is elsewhere and does not answer. */
export async function openClusterStore(
  choice: StoreChoice,
  dataFolder: string,
  context: StoreContext,
): Promise<Store> {
  const store = await openStore(optionsOf(choice, dataFolder), context)
  if (choice.type !== 'etcd') return store
  try {
    await answers(store, choice)
  } catch (error) {
    await store.close()
    throw error
  }
  const { prefix = registryRoot } = choice
  return prefix === registryRoot ? store : rootedStore(store, { from: registryRoot, to: prefix })
}

/** Deletes all that a cluster keeps in etcd, and nothing else there. Gives the number of keys. */
export async function clearEtcd(choice: EtcdChoice, context: StoreContext): Promise<number> {
  const store = await openClusterStore(choice, '', context)
  try {
    let count = 0
    for (;;) {
      const { entries } = await store.list(`${registryRoot}/`, { limit: deletedAtOnce })
      if (entries.length === 0) return count
      // What has changed or expired in between is looked at again.
      const results = await Promise.allSettled(
        entries.map(({ key, revision }) => store.delete(key, revision)),
      )
      for (const result of results) {
        if (result.status === 'fulfilled') count += 1
        else if (!isStoreConflict(result.reason)) throw result.reason
      }
    }
  } finally {
    await store.close()
  }
}

/** The keys of a cluster in etcd, for people: `/k8ts/NAME/ in etcd at URL`. */
export function describeEtcd({ endpoints, prefix = registryRoot }: EtcdChoice): string {
  return `${prefix}/ in etcd at ${endpoints.join(', ')}`
}

/** A store that is elsewhere may not be there. */
async function answers(store: Store, choice: EtcdChoice): Promise<void> {
  const where = choice.endpoints.join(', ')
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${answersWithinMs / 1000} s`)), answersWithinMs)
  })
  try {
    await Promise.race([store.currentRevision(), tooLate])
  } catch (error) {
    throw new Error(`etcd at ${where} cannot be used: ${(error as Error).message}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

function optionsOf(store: StoreChoice, dataFolder: string): StoreOptions {
  switch (store.type) {
    case 'memory':
      return store
    case 'embedded':
      return { type: 'embedded', directory: dataFolder }
    case 'etcd': {
      const { endpoints, caFile, certFile, keyFile } = store
      const tls = {
        ...(caFile !== undefined && { ca: readFileSync(caFile) }),
        ...(certFile !== undefined && { certificate: readFileSync(certFile) }),
        ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
      }
      return { type: 'etcd', endpoints, ...(Object.keys(tls).length > 0 && { tls }) }
    }
  }
}

function isStoreConflict(error: unknown): boolean {
  return error instanceof StoreError && error.reason === 'conflict'
}
