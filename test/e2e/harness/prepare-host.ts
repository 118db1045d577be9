import { prepareMachine } from '../../../src/cluster/join/prepare-machine.ts'
import { clusterFolder, createClusterFolder } from '../../../src/cluster/state/cluster-folder.ts'

/*
 * A program that has the machine it runs on ready for a kubelet, as somebody would who puts a cluster together by hand:
 * `prepare-host.ts NAME FOLDER NODE POD-CIDR`. `k8ts delete --name NAME --data-dir FOLDER` undoes it.
 */
const [name = '', path = '', node = '', podCidr = ''] = process.argv.slice(2)
const folder = clusterFolder(name, path)
createClusterFolder(folder)
await prepareMachine({ folder, own: folder.node(node), node }, podCidr)
