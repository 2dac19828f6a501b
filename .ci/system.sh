# What the run needs of the system. Sourced.

# Installs the named Debian packages that are missing.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing ${missing[*]}"
  # RUNLEVEL=1: a package's service is not started; the tests start their own.
  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
  local log
  log=$(mktemp)
  if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null; then
    cat "$log"
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

engine_pid=
engine_dir=

# Takes the Docker engine that answers, or starts one of the run's own, with its files in a temporary folder.
start_engine() {
  if docker version > /dev/null 2>&1; then
    echo "a Docker engine answers: $(docker version --format '{{.Server.Version}}')"
    return 0
  fi
  command -v dockerd > /dev/null || return 1
  engine_dir=$(mktemp -d)
  export DOCKER_HOST=unix://$engine_dir/docker.sock
  setsid dockerd --host "$DOCKER_HOST" --data-root "$engine_dir/data" --exec-root "$engine_dir/exec" \
    --pidfile "$engine_dir/pid" > "$engine_dir/log" 2>&1 < /dev/null &
  engine_pid=$!
  local i
  for i in $(seq 60); do
    if docker version > /dev/null 2>&1; then
      echo "started a Docker engine: $(docker version --format '{{.Server.Version}}')"
      return 0
    fi
    kill -0 "$engine_pid" 2> /dev/null || break
    sleep 0.5
  done
  tail -5 "$engine_dir/log"
  stop_engine
  return 1
}

# Stops what start_engine started, and nothing else.
stop_engine() {
  [ -n "$engine_dir" ] || return 0
  local containers
  containers=$(docker ps --all --quiet 2> /dev/null)
  # shellcheck disable=SC2086 # one word per container
  [ -z "$containers" ] || docker rm --force --volumes $containers > /dev/null 2>&1
  kill "$engine_pid" 2> /dev/null
  wait "$engine_pid" 2> /dev/null
  # What the engine may have left mounted: its folder on itself, its network namespace.
  umount --recursive --lazy "$engine_dir/data" 2> /dev/null
  umount --lazy "$engine_dir"/exec/netns/* 2> /dev/null
  rm -rf "$engine_dir"
  unset DOCKER_HOST
  engine_pid=
  engine_dir=
}
