#!/usr/bin/env bash
# redis-benchmark, unchanged, against one endpoint: redis_benchmark.sh HOST PORT
# Its rates are not judged here (bench/run does that); each run must answer everything and end well.

set -uo pipefail
host=$1 port=$2
passed=0 failed=0

# benchmark WHAT EXPECTED-ROWS FLAG…
benchmark() {
  local what=$1 rows=$2 printed
  shift 2
  printed=$(timeout 60 redis-benchmark -h "$host" -p "$port" --csv "$@" 2>&1)
  local status=$?
  # What it says of the machine is not about the server.
  printed=$(grep -v '^WARNING: Keepalive disabled' <<<"$printed")
  # One line for the columns' names and one for each test; an error or a warning would be another.
  if ((status == 0)) && (($(wc -l <<<"$printed") == rows + 1)) && ! grep -qvE '^"' <<<"$printed"; then
    ((++passed))
  else
    ((++failed))
    printf 'FAILED: %s: redis-benchmark %s\n%s\n' "$what" "$*" "$printed"
  fi
}

tests=ping,set,get,incr,mset
benchmark "one at a time" 6 -t $tests -n 2000 -c 50 -P 1
benchmark "pipelined" 6 -t $tests -n 16000 -c 50 -P 16
benchmark "random keys" 6 -t $tests -n 16000 -c 50 -P 16 -r 100000
benchmark "bigger values" 2 -t set,get -n 2000 -c 50 -d 10000
benchmark "RESP3" 5 -t ping_mbulk,set,get,incr,mset -n 2000 -c 50 -3
benchmark "a connection for each request" 2 -t set,get -n 1000 -c 20 -k 0
benchmark "two threads" 2 -t set,get -n 16000 -c 50 -P 16 --threads 2
benchmark "any command" 1 -n 2000 -c 50 -r 1000 SET compat:benchmark:__rand_int__ value EX 60

echo "$passed passed, $failed failed"
((failed == 0))
