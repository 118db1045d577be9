/** The Kubernetes whose API this is: the release whose published types the table of facts is made from. */
export const kubernetesVersion = 'v1.36.4'

/** What servers and nodes say to be: that release, as we build it. */
export const builtVersion = `${kubernetesVersion}+k8ts`

/** What servers and nodes say to be made with, where upstream says its version of Go. */
export const runtimeVersion = `node${process.version}`
