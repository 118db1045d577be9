import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { baseRuleset, dialects } from './nftables/ruleset.ts'

const skip = spawnSync('unshare', ['--net', 'nft', 'list', 'tables']).status !== 0 && 'needs root and nft'

/**
 * Two nodes on a wire, the first with a web server on its loopback and a kernel that would route to it, as the portmap
 * plugin leaves it. Prints what each of them gets from it.
 */
const script = (rules: string) => `
set -e
a=k8ts-test-$$-a b=k8ts-test-$$-b
trap 'kill $server 2>/dev/null; ip netns delete $a; ip netns delete $b' EXIT
ip netns add $a; ip netns add $b
ip -n $a link add eth0 type veth peer name eth0 netns $b
ip -n $a address add 192.0.2.1/24 dev eth0; ip -n $b address add 192.0.2.2/24 dev eth0
for node in $a $b; do
  ip -n $node link set lo up; ip -n $node link set eth0 up
  ip netns exec $node sh -c 'for file in /proc/sys/net/ipv4/conf/*/route_localnet; do echo 1 > $file; done'
done
# The neighbour sends to the loopback what others keep to themselves.
ip -n $b rule add pref 100 lookup local; ip -n $b rule delete pref 0
ip -n $b rule add pref 10 to 127.0.0.1 lookup 100
ip -n $b route add 127.0.0.1 via 192.0.2.1 dev eth0 src 192.0.2.2 table 100
ip netns exec $a nft -f - <<'END'
${rules}
END
ip netns exec $a ${process.execPath} -e '
  require("net").createServer((socket) => socket.end("secret")).listen(8080, "127.0.0.1", () => console.log("up"))
' > /tmp/k8ts-test-$$ & server=$!
until [ -s /tmp/k8ts-test-$$ ]; do sleep 0.05; done; rm /tmp/k8ts-test-$$
ask='const s = require("net").connect(8080, "127.0.0.1"); setTimeout(() => s.destroy(), 700);
  let got = "nothing"; s.on("data", (data) => (got = String(data))); s.on("error", () => {});
  s.on("close", () => console.log(got))'
ip netns exec $a ${process.execPath} -e "$ask"
ip netns exec $b ${process.execPath} -e "$ask"
`

function reached(rules: string): string[] {
  return execFileSync('sh', ['-c', script(rules)], { encoding: 'utf8' })
    .trim()
    .split('\n')
}

test('what listens on the loopback is reached by neighbours without the rules', { skip }, () => {
  assert.deepEqual(reached(''), ['secret', 'secret'])
})

test('what listens on the loopback is reached by the node alone', { skip }, () => {
  assert.deepEqual(reached(baseRuleset(dialects.IPv4, { podNetworks: ['10.244.0.0/16'] })), [
    'secret',
    'nothing',
  ])
})
