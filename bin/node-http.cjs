// Stands for 'node:http' in the bundles. An import of that module calls the getters of all that it exports, and
// those of WebSocket and its events load Node's whole fetch implementation: 7 MB and 10 ms in each process.
module.exports = process.getBuiltinModule('node:http')
