import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import type { EtcdTls } from './etcd/connection.ts'
import type { Store } from './store.ts'

/** Which store, and where. */
export type StoreOptions =
  /** Lost with the process. */
  | { readonly type: 'memory' }
  /** On the disk of this machine, for one API server. Throws a DataDirectoryError when the directory cannot be used. */
  | { readonly type: 'embedded'; readonly directory: string }
  /** In an etcd cluster, 3.4 or later: `https://host:port` or `http://host:port` for each member. */
  | { readonly type: 'etcd'; readonly endpoints: readonly string[]; readonly tls?: EtcdTls }

export interface StoreContext {
  readonly clock: Clock
  readonly log: Logger
}

/** Opens a store. Loads only what that store needs: gRPC for `etcd`. */
export async function openStore(options: StoreOptions, context: StoreContext): Promise<Store> {
  switch (options.type) {
    case 'memory': {
      const { MemoryStore } = await import('./memory/memory-store.ts')
      return new MemoryStore(context)
    }
    case 'embedded': {
      const { EmbeddedStore } = await import('./embedded/embedded-store.ts')
      return EmbeddedStore.open({ ...context, directory: options.directory })
    }
    case 'etcd': {
      const { EtcdStore } = await import('./etcd/etcd-store.ts')
      return new EtcdStore({ ...context, endpoints: options.endpoints, tls: options.tls })
    }
  }
}
