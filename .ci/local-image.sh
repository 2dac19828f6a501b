#!/usr/bin/env bash
# .ci/local-image.sh redis|node IMAGE: makes an image from what is installed on this machine, for places where none
# can be pulled.
set -euo pipefail

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

# Copies programs into the image's tree, and the libraries each one is linked with to their own paths.
copy_programs() {
  local program file
  for program in "$@"; do
    cp -L "$program" "$tree/usr/local/bin/"
    for file in $(ldd "$program" 2> /dev/null | grep -oE '/[^ ]+'); do
      mkdir -p "$tree$(dirname "$file")"
      cp -L "$file" "$tree$file"
    done
  done
}

# Copies libraries by name: those that are loaded at run time (name look-ups), which ldd does not show, and the
# parts of the C library that a program brought in later, such as a package's own binary, may be linked with.
copy_libraries() {
  local library file
  for library in "$@"; do
    file=$(ldconfig -p | awk -v name="$library" '$1 == name && !found++ { print $NF }')
    [ -z "$file" ] || { mkdir -p "$tree$(dirname "$file")" && cp -L "$file" "$tree$file"; }
  done
}

# A shell, the everyday commands, and the users of the usual images.
lay_ground() {
  local applet
  chmod 755 "$tree"
  mkdir -p "$tree"/{bin,etc/ssl/certs,tmp,data,usr/bin,usr/local/bin,usr/local/lib/node_modules,root}
  chmod 1777 "$tree/tmp"
  cp "$(command -v busybox)" "$tree/bin/busybox"
  # Links, so that nothing has to run inside the tree.
  for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$tree/bin/$applet"
  done
  ln -s ../../bin/env "$tree/usr/bin/env"
  printf '%s\n' root:x:0:0:root:/root:/bin/sh redis:x:999:999::/data:/bin/sh node:x:1000:1000::/tmp:/bin/sh \
    > "$tree/etc/passwd"
  printf '%s\n' root:x:0: redis:x:999: node:x:1000: > "$tree/etc/group"
  echo 'hosts: files dns' > "$tree/etc/nsswitch.conf"
}

import_as() {
  local image=$1
  shift
  tar -C "$tree" -c . | docker import "$@" - "$image" > /dev/null
}

# The installed Redis as an image that behaves like the official one: a command that begins with an option or with
# redis-server runs the server, reachable from other containers.
redis_image() {
  copy_programs "$(command -v redis-server)" "$(command -v redis-cli)"
  cat > "$tree/usr/local/bin/entrypoint" << 'SH'
#!/bin/sh
case "${1:-}" in -*) set -- redis-server "$@" ;; esac
[ "$1" != redis-server ] || set -- "$@" --protected-mode no
exec "$@"
SH
  chmod 755 "$tree/usr/local/bin/entrypoint"
  import_as "$1" --change 'ENTRYPOINT ["/usr/local/bin/entrypoint"]' --change 'CMD ["redis-server"]' \
    --change 'WORKDIR /data' --change 'VOLUME /data' --change 'EXPOSE 6379'
}

# The workspace's Node 24 with npm, to build and run the worker on. It trusts what this machine trusts.
node_image() {
  local name
  copy_programs node_modules/.bin/node
  copy_libraries libnss_files.so.2 libnss_dns.so.2 libresolv.so.2 \
    libc.so.6 libm.so.6 libdl.so.2 librt.so.1 libpthread.so.0 libgcc_s.so.1 libstdc++.so.6
  # npm is <npm>/bin/npm-cli.js.
  cp -rL "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$tree/usr/local/lib/node_modules/npm"
  for name in npm npx; do
    ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$tree/usr/local/bin/$name"
  done
  cp -L "${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}" "$tree/etc/ssl/certs/ca-certificates.crt"
  import_as "$1" --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' \
    --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' --change 'CMD ["node"]'
}

lay_ground
case $1 in
  redis) redis_image "$2" ;;
  node) node_image "$2" ;;
esac
