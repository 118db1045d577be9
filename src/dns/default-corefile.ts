/** Where kubeadm keeps the Corefile: the key `Corefile` of this ConfigMap. */
export const corefileConfigMap = { namespace: 'kube-system', name: 'coredns' } as const
export const corefileKey = 'Corefile'

/**
 * As kubeadm writes it, but for two things: cluster DNS is part of a node, so health and readiness leave the node's
 * ports 8080 and 8181 to its pods, and nothing is waited for when it ends.
 */
export function defaultCorefile(clusterDomain: string): string {
  return `.:53 {
    errors
    health :10054
    ready :10055
    kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success ${clusterDomain}
       disable denial ${clusterDomain}
    }
    loop
    reload
    loadbalance
}
`
}
