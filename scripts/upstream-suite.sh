#!/bin/bash
# upstream-suite.sh FOCUS [SKIP]: runs upstream's own end-to-end tests against a cluster of k8ts with two nodes.
#   scripts/upstream-suite.sh '\[Conformance\]' '\[Serial\]'
#
# The tests are those of the Kubernetes that Debian has as a source package (1.20); they are built here, and so are the
# images that they run, from that package and from others of the distribution. Wants root, Go (golang-go), debootstrap,
# busybox-static and 4 GB of disk. What was built stays in .cache/upstream-suite (or $K8TS_SUITE), and is used again.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,3s/^# //p' "$0" >&2; exit 2; }
focus=$1 skip=${2:-'^$'}
root=$(cd "$(dirname "$0")/.." && pwd)
work=${K8TS_SUITE:-$root/.cache/upstream-suite}
tree=$work/go/src/k8s.io/kubernetes
mkdir -p "$work/bin" "$work/layers" "$work/images"
export GO111MODULE=off GOPATH=$work/go GOFLAGS='' CGO_ENABLED=0
for tool in go debootstrap busybox; do
  command -v "$tool" > /dev/null || { echo "$tool is not installed" >&2; exit 1; }
done

# The source package, by the machine's own package sources, also where those list binary packages alone.
fetch_source() {
  mkdir -p "$work/apt/lists/partial" "$work/apt/sources" "$tree"
  cp /etc/apt/sources.list /etc/apt/sources.list.d/debian* "$work/apt/sources/" 2> /dev/null || true
  sed -i -E 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$work"/apt/sources/*
  local apt=(-q -o "Dir::Etc::SourceList=$work/apt/sources/sources.list" -o "Dir::Etc::SourceParts=$work/apt/sources"
    -o "Dir::State::Lists=$work/apt/lists" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update
  (cd "$work/apt" && apt-get "${apt[@]}" source --download-only kubernetes)
  tar -C "$tree" --strip-components=1 -xzf "$work"/apt/kubernetes_*.orig.tar.gz
  # Manifests are read from the tree: nothing is built in.
  mkdir -p "$tree/test/e2e/generated"
  printf 'package generated\n\nimport "os"\n\nfunc Asset(name string) ([]byte, error) { return nil, os.ErrNotExist }\nfunc AssetNames() []string { return nil }\n' \
    > "$tree/test/e2e/generated/bindata.go"
}

build() { # PROGRAM PACKAGE
  [ -e "$work/bin/$1" ] || (cd "$tree" && go build -ldflags '-s -w' -o "$work/bin/$1" "./$2")
}

# A layer of what the command, run in an empty folder, leaves there.
layer() { # NAME COMMAND...
  local folder=$work/layers/$1.d
  mkdir -p "$folder"
  (cd "$folder" && "${@:2}")
  tar --numeric-owner --owner=0 --group=0 -C "$folder" -cf "$work/layers/$1.tar" .
  rm -rf "$folder"
}

image() { # REFERENCE CONFIG LAYER...
  local out=$work/images/${1//[\/:]/_} sums='' files='' sum each
  mkdir -p "$out"
  for each in "${@:3}"; do
    sum=$(sha256sum < "$work/layers/$each.tar" | cut -c1-64)
    cp -l "$work/layers/$each.tar" "$out/$sum.tar"
    sums+=,\"sha256:$sum\" files+=,\"$sum.tar\"
  done
  printf '{"architecture":"%s","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]}}' \
    "$(go env GOARCH)" "$2" "${sums#,}" > "$out/config.json"
  printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":[%s]}]' "$1" "${files#,}" > "$out/manifest.json"
  (cd "$out" && tar -cf "$out.tar" -- *)
  rm -rf "$out"
}

system() {
  debootstrap --variant=minbase --include=curl,dnsutils,iproute2,iperf,netcat-openbsd,procps,etcd-server \
    "$(. /etc/os-release && echo "$VERSION_CODENAME")" .
  rm -rf dev/* var/cache/apt/archives/*.deb var/lib/apt/lists/*
  links usr/local/bin
}
links() { # FOLDER: busybox, and a link for each of its tools that is not there yet
  local tool
  mkdir -p bin "$1"
  cp "$(command -v busybox)" bin/busybox
  for tool in $(busybox --list); do
    [ -e "bin/$tool" ] || [ -e "usr/bin/$tool" ] || [ -e "sbin/$tool" ] || [ -e "usr/sbin/$tool" ] || ln -s /bin/busybox "$1/$tool"
  done
}
small() {
  mkdir -p etc tmp root var usr/bin
  chmod 1777 tmp
  printf 'root:x:0:0:root:/root:/bin/sh\n' > etc/passwd
  printf 'root:x:0:\n' > etc/group
  links bin
}
agnhost() {
  mkdir -p uploads
  cp "$work/bin/agnhost" "$tree"/test/images/agnhost/porter/localhost.{crt,key} .
  ln -s agnhost agnhost-2
}
web() { # FOLDER PROGRAM TEXT
  mkdir -p "$1" usr/local/bin
  printf '%s\n' "$3" > "$1/index.html"
  printf '#!/bin/sh\ntrap "exit 0" TERM\nbusybox httpd -f -p 80 -h /%s &\nwait\n' "$1" > "usr/local/bin/$2"
  chmod +x "usr/local/bin/$2"
}
version() { printf '%s\n' "$1" > version; }
picture() { cp "$tree/test/images/$1"/html/* .; }
program() { cp "$work/bin/$1" .; }
setuid() { mkdir -p usr/local/bin && cp "$work/bin/nnp" usr/local/bin/ && chmod 6755 usr/local/bin/nnp; }

make_images() {
  local path='"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]'
  layer system system
  layer small small
  layer agnhost agnhost
  layer httpd web usr/local/apache2/htdocs httpd-foreground '<html><body><h1>It works!</h1></body></html>'
  layer nginx web usr/share/nginx/html nginx '<title>Welcome to nginx!</title>'
  layer setuid setuid
  layer pause program pause
  layer server program sample-apiserver
  local each
  for each in 1.14 1.15 2.4.38 2.4.39; do layer "version-$each" version "$each"; done
  for each in kitten nautilus; do layer "$each" picture "$each"; done

  image k8s.gcr.io/e2e-test-images/agnhost:2.21 "{$path,\"Entrypoint\":[\"/agnhost\"],\"Cmd\":[\"pause\"]}" system agnhost
  image docker.io/library/busybox:1.29 "{$path,\"Cmd\":[\"sh\"]}" small
  for each in 2.4.38 2.4.39; do
    image "docker.io/library/httpd:$each-alpine" "{$path,\"Cmd\":[\"httpd-foreground\"]}" system httpd "version-$each"
  done
  for each in 1.14 1.15; do
    image "docker.io/library/nginx:$each-alpine" "{$path,\"Cmd\":[\"nginx\"]}" small nginx "version-$each"
  done
  local repository=gcr.io/kubernetes-e2e-test-images
  for each in kitten nautilus; do
    image "$repository/$each:1.0" "{$path,\"Entrypoint\":[\"/agnhost\"],\"Cmd\":[\"test-webserver\"]}" system agnhost "$each"
  done
  image "$repository/nonroot:1.0" "{$path,\"User\":\"1234\"}" small
  image "$repository/nonewprivs:1.0" "{$path,\"Cmd\":[\"nnp\"]}" small setuid
  image "$repository/jessie-dnsutils:1.0" "{$path,\"Cmd\":[\"bash\"]}" system
  image "$repository/sample-apiserver:1.17" "{$path,\"Entrypoint\":[\"/sample-apiserver\"]}" small server
  image k8s.gcr.io/etcd:3.4.13-0 "{$path,\"Cmd\":[\"etcd\"]}" system
  image k8s.gcr.io/pause:3.2 "{\"Entrypoint\":[\"/pause\",\"pause\"]}" pause
}

[ -d "$tree/test/e2e" ] || fetch_source
[ -e "$work/bin/e2e.test" ] || (cd "$tree" && go test -c -o "$work/bin/e2e.test" ./test/e2e)
build agnhost test/images/agnhost
build nnp test/images/nonewprivs
build sample-apiserver vendor/k8s.io/sample-apiserver
cp "$work/bin/agnhost" "$work/bin/pause"
[ -e "$work/images/complete" ] || { make_images && touch "$work/images/complete"; }

k8ts() { "$root/bin/k8ts" "$1" "${@:2}" --name upstream-suite --data-dir "$work/cluster"; }
trap 'k8ts delete --yes' EXIT
k8ts up --nodes 2 --detach --yes
for archive in "$work"/images/*.tar; do k8ts image load "$archive"; done
# Service accounts have had no secrets since 1.24, so the tests must not wait for one.
"$work/bin/e2e.test" --kubeconfig="$work/cluster/kubeconfig" --provider=skeleton --repo-root="$tree" --num-nodes=2 \
  --e2e-verify-service-account=false --kubectl-path="$(command -v kubectl)" --report-dir="$work/report" \
  --dump-logs-on-failure=false -ginkgo.noColor -test.timeout=0 -ginkgo.focus="$focus" -ginkgo.skip="$skip"
