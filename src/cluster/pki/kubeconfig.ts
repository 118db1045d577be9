import type { IssuedCertificate } from '../../machinery/pki/certificate.ts'

export interface KubeconfigContent {
  /** Names the cluster, and with `user` the context. */
  readonly cluster: string
  readonly user: string
  readonly server: string
  readonly authorityPem: string
  readonly certificate: IssuedCertificate
}

/** The parts of a kubeconfig that one cluster adds, as `kubectl config` names them. */
export function kubeconfigParts(content: KubeconfigContent) {
  const context = `${content.user}@${content.cluster}`
  return {
    cluster: {
      name: content.cluster,
      cluster: { 'certificate-authority-data': base64(content.authorityPem), server: content.server },
    },
    user: {
      name: context,
      user: {
        'client-certificate-data': base64(content.certificate.certificatePem),
        'client-key-data': base64(content.certificate.privateKeyPem),
      },
    },
    context: { name: context, context: { cluster: content.cluster, user: context } },
  }
}

/** A kubeconfig (client-go clientcmd/api/v1) with one context. */
export function kubeconfig(content: KubeconfigContent): string {
  const { cluster, user, context } = kubeconfigParts(content)
  return `apiVersion: v1
kind: Config
clusters:
- name: ${cluster.name}
  cluster:
    certificate-authority-data: ${cluster.cluster['certificate-authority-data']}
    server: ${cluster.cluster.server}
contexts:
- name: ${context.name}
  context:
    cluster: ${context.context.cluster}
    user: ${context.context.user}
current-context: ${context.name}
preferences: {}
users:
- name: ${user.name}
  user:
    client-certificate-data: ${user.user['client-certificate-data']}
    client-key-data: ${user.user['client-key-data']}
`
}

/** A kubeconfig whose certificate is in files, where it is replaced before it expires. Paths are absolute. */
export function kubeconfigOfFiles(content: {
  readonly user: string
  readonly server: string
  readonly authorityPem: string
  readonly certFile: string
  readonly keyFile: string
}): string {
  const { user, server, authorityPem, certFile, keyFile } = content
  return `apiVersion: v1
kind: Config
clusters:
- name: default-cluster
  cluster:
    certificate-authority-data: ${base64(authorityPem)}
    server: ${server}
contexts:
- name: default-context
  context:
    cluster: default-cluster
    user: ${user}
current-context: default-context
preferences: {}
users:
- name: ${user}
  user:
    client-certificate: ${certFile}
    client-key: ${keyFile}
`
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
