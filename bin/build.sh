# build.sh ROOT: bundles the command and the node's process into a new folder ROOT/dist/BUILD and points
# ROOT/dist/current at it. Earlier builds stay for a while, since running processes load parts of them late.
set -eu
root=$1
case $(uname -s)-$(uname -m) in
  Linux-x86_64) platform=linux-x64 ;;
  Linux-*) platform=linux-arm64 ;;
  Darwin-x86_64) platform=darwin-x64 ;;
  *) platform=darwin-arm64 ;;
esac
esbuild=$root/node_modules/@esbuild/$platform/bin/esbuild
[ -x "$esbuild" ] || esbuild=$root/node_modules/.bin/esbuild

build=$(date +%Y%m%d-%H%M%S)-$$
out=$root/dist/$build
mkdir -p "$out"
trap '[ -e "$out/k8ts.js" ] || rm -rf "$out"' EXIT
: > "$out/started"
commit=$(git -C "$root" rev-parse --verify HEAD 2> /dev/null) || commit=0000000000000000000000000000000000000000
if [ -z "$(git -C "$root" status --porcelain 2> /dev/null)" ]; then tree=clean; else tree=dirty; fi
built="\"$commit $tree $(date -u +%Y-%m-%dT%H:%M:%SZ)\""
(cd "$root" && "$esbuild" k8ts=src/cluster/main.ts agent=src/cluster/agent-main.ts \
  --outdir="$out" --bundle --splitting --format=esm --platform=node --target=node24 --log-level=warning \
  --minify-syntax --minify-whitespace --legal-comments=none --external:@grpc/proto-loader \
  --define:builtFrom="$built" --alias:node:http=./bin/node-http.cjs \
  --banner:js="import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);")
printf '{"type":"module"}\n' > "$out/package.json"
ln -sfn "$build" "$root/dist/current"
find "$root/dist" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' -mtime +1 ! -name "$build" -exec rm -rf {} +
