import type { ConfigMap } from '../api/generated/core.v1.ts'
import type { Logger } from '../machinery/log.ts'
import { compileCorefile } from './corefile/compile-corefile.ts'
import type { DnsConfiguration } from './configuration.ts'
import { corefileKey, defaultCorefile } from './default-corefile.ts'
import { createResolver, type Resolver, type ResolverContext } from './resolver.ts'

export interface ConfiguredResolverOptions {
  readonly clusterDomain: string
  /** Name servers of this machine. */
  readonly upstreams: readonly string[]
  /** Whether pods can be read, for `pods verified`. */
  readonly mayReadPods: boolean
  /** Called with each configuration that takes effect. */
  readonly onChange: (configuration: DnsConfiguration, resolver: Resolver) => void
  readonly onRefusal: () => void
  readonly log: Logger
}

/** A resolver whose configuration is replaced while it answers. Without a ConfigMap it is kubeadm's. */
export interface ConfiguredResolver extends Resolver {
  readonly configuration: DnsConfiguration
  /** Takes over what the ConfigMap says; what cannot be understood is logged, and the former stays. */
  configure(configMap: ConfigMap | undefined): void
}

export function createConfiguredResolver(
  context: ResolverContext,
  options: ConfiguredResolverOptions,
): ConfiguredResolver {
  const { clusterDomain, upstreams, mayReadPods, onChange, onRefusal, log } = options
  const ownText = defaultCorefile(clusterDomain)
  let data: Readonly<Record<string, string>> = { [corefileKey]: ownText }
  let configuration = compile(data)
  let resolver = createResolver(configuration, context)

  function compile(from: Readonly<Record<string, string>>): DnsConfiguration {
    const nameServers = () => upstreams
    const compiled = compileCorefile(from[corefileKey] ?? '', { nameServers, files: from })
    if (!mayReadPods && compiled.servers.some(({ kubernetes }) => kubernetes?.pods === 'verified')) {
      throw new Error("'pods verified' in kubernetes is not supported where pods may not be read")
    }
    return compiled
  }

  return {
    get configuration() {
      return configuration
    },
    resolve: (question) => resolver.resolve(question),
    zoneOf: (name) => resolver.zoneOf(name),
    close: () => resolver.close(),
    configure(configMap) {
      const next = configMap?.data ?? { [corefileKey]: ownText }
      if (JSON.stringify(next) === JSON.stringify(data)) return
      try {
        configuration = compile(next)
      } catch (error) {
        onRefusal()
        log.error('the Corefile was refused, and the former one stays', { error: (error as Error).message })
        return
      }
      data = next
      resolver.close()
      resolver = createResolver(configuration, context)
      onChange(configuration, resolver)
    },
  }
}
