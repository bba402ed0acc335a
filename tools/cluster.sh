# shellcheck shell=bash
# The three nodes of ./dev up: started, found, asked, stopped. Sourced by dev and tools/demo, which
# run in the root of the repository.
#
# A node is named by its port. Its data, log and pid file lie in .holdfast/, and only a process that
# its pid file names is ever signalled.

HOST=127.0.0.1
PORTS=(7379 7380 7381)
BINARY=build/release/holdfast
STATE=.holdfast

die() {
  printf '\n%s\n' "$*" >&2
  exit 1
}

now_ms() { date +%s%3N; }

addresses() {
  local joined
  printf -v joined ",$HOST:%s" "${PORTS[@]}"
  echo "${joined:1}"
}

# The pid of a node that runs, or nothing. A pid file may be older than the machine's last boot, so
# the process must also look like the node.
node_pid() {
  local pid
  pid=$(cat "$STATE/$1.pid" 2>/dev/null) || return 0
  if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q "holdfast server --listen $HOST:$1 "; then
    echo "$pid"
  fi
}

start_node() {
  local port=$1
  mkdir -p "$STATE"
  (
    setsid "$BINARY" server --listen "$HOST:$port" --data "$STATE/$port" --join "$(addresses)" \
      >>"$STATE/$port.log" 2>&1 </dev/null &
    echo $! >"$STATE/$port.pid"
  )
}

# Ends politely all nodes that run, so that leadership is handed over, then the deaf ones.
stop_nodes() {
  local port pid deadline=$(($(now_ms) + 10000))
  for port in "${PORTS[@]}"; do
    pid=$(node_pid "$port")
    [[ -z $pid ]] || kill "$pid" 2>/dev/null
  done
  for port in "${PORTS[@]}"; do
    while pid=$(node_pid "$port") && [[ -n $pid ]]; do
      (($(now_ms) < deadline)) || kill -9 "$pid" 2>/dev/null
      sleep 0.05
    done
    rm -f "$STATE/$port.pid"
  done
}

cli() {
  local port=$1
  shift
  redis-cli -h "$HOST" -p "$port" "$@" 2>&1
}

# One field of a node's INFO; nothing if the node does not answer.
info() {
  cli "$1" INFO | tr -d '\r' | sed -n "s/^$2://p"
}

# The port of the node that leads: of those that say so, the one with the highest epoch, because a
# leader that was just replaced may not know it yet.
leader_port() {
  local port
  for port in "${PORTS[@]}"; do
    if [[ -n $(node_pid "$port") && $(info "$port" holdfast_role) == leader ]]; then
      echo "$(info "$port" holdfast_epoch) $port"
    fi
  done | sort -V | tail -n 1 | cut -d' ' -f2
}

# wait_until SECONDS WHAT COMMAND…: repeats the command until it succeeds.
wait_until() {
  local deadline=$(($(now_ms) + $1 * 1000)) what=$2
  shift 2
  until "$@"; do
    (($(now_ms) < deadline)) || die "After waiting: $what. The nodes' logs are $STATE/*.log."
    sleep 0.05
  done
}

# A node that died while starting has said why in its log.
all_alive() {
  local port
  for port in "${PORTS[@]}"; do
    if [[ -z $(node_pid "$port") ]]; then
      tail -n 5 "$STATE/$port.log" >&2
      die "The node on port $port ended; above are the last lines of $STATE/$port.log."
    fi
  done
}
