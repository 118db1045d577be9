/**
 * The rooms of src/ and what each may import beside itself. The lint configuration refuses everything else, so that
 * components stay independent: they speak through the API server, never to one another.
 */
const components = ['scheduler', 'controllers', 'kubelet', 'proxy', 'dns']

export const mayImport: Readonly<Record<string, readonly string[]>> = {
  machinery: [],
  api: ['machinery'],
  store: ['machinery'],
  apiserver: ['api', 'machinery', 'store'],
  client: ['api', 'machinery'],
  ...Object.fromEntries(components.map((component) => [component, ['client', 'api', 'machinery']])),
  cluster: ['machinery', 'api', 'store', 'apiserver', 'client', ...components],
}

export const rooms = Object.keys(mayImport)
