/** Makes volumes of the default class: directories on the node where they are first used. */
export const localPathProvisioner = 'k8ts.io/local-path'
