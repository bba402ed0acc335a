#!/usr/bin/env ruby
# ruby-redis, unchanged, against one endpoint: ruby_redis.rb HOST PORT

require "redis"
require "securerandom"

HOST, PORT = ARGV
RUN = "rb:" + SecureRandom.hex(4)
TESTS = {}

def test(name, &body)
  TESTS[name] = body
end

def connect(**options)
  Redis.new(host: HOST, port: PORT.to_i, timeout: 20, **options)
end

def expect(expected, got)
  raise "expected #{expected.inspect}, got #{got.inspect}" unless expected === got
end

def expect_error(pattern)
  yield
rescue Redis::CommandError => e
  expect(pattern, e.message)
else
  raise "no error like #{pattern.inspect}"
end

test "strings" do |r, p|
  expect "OK", r.set("#{p}a", "Ada")
  expect "Ada", r.get("#{p}a")
  expect nil, r.get("#{p}none")
  expect 5, r.append("#{p}a", " L")
  expect "da L", r.getrange("#{p}a", 1, -1)
  expect 7, r.setrange("#{p}a", 6, "x")
  expect 7, r.strlen("#{p}a")
  expect "Ada L\0x", r.getset("#{p}a", "new")
  expect "new", r.getdel("#{p}a")
  bytes = (0..255).to_a.pack("C*")
  r.set("#{p}b", bytes)
  expect bytes, r.get("#{p}b").b
  r.set("#{p}big", "x" * 2_000_000)
  expect 2_000_000, r.get("#{p}big").size
end

test "options of SET" do |r, p|
  expect true, r.set("#{p}k", 1, nx: true)
  expect false, r.set("#{p}k", 2, nx: true)
  expect true, r.set("#{p}k", 2, xx: true, ex: 100)
  expect 95..100, r.ttl("#{p}k")
  expect "OK", r.set("#{p}k", 3, keepttl: true)
  expect 95..100, r.ttl("#{p}k")
  expect "3", r.set("#{p}k", 4, get: true)
  expect(-1, r.ttl("#{p}k"))
  expect true, r.setnx("#{p}new", 1)
  expect "OK", r.setex("#{p}new", 100, 2)
  expect "OK", r.psetex("#{p}new", 100_000, 2)
end

test "many at once" do |r, p|
  expect "OK", r.mset("#{p}a", 1, "#{p}b", 2)
  expect ["1", nil, "2"], r.mget("#{p}a", "#{p}none", "#{p}b")
  expect({ "#{p}a" => "1" }, r.mapped_mget("#{p}a"))
  expect "OK", r.mapped_mset("#{p}c" => "3", "#{p}d" => "4")
  expect false, r.msetnx("#{p}e", 1, "#{p}a", 1)
  expect 4, r.exists("#{p}a", "#{p}b", "#{p}c", "#{p}d", "#{p}e")
  expect 3, r.del("#{p}a", "#{p}b", "#{p}c")
end

test "counters" do |r, p|
  expect [1, 2, 3], Array.new(3) { r.incr("#{p}n") }
  expect 13, r.incrby("#{p}n", 10)
  expect 12, r.decr("#{p}n")
  expect 2, r.decrby("#{p}n", 10)
  expect 2.5, r.incrbyfloat("#{p}n", 0.5)
  expect_error(/not an integer/) { r.incr("#{p}n") }
end

test "expiry" do |r, p|
  r.set("#{p}k", 1, px: 150)
  100.times { r.get("#{p}k") ? sleep(0.02) : break }
  expect false, r.exists?("#{p}k")
  expect(-2, r.pttl("#{p}k"))
  r.set("#{p}k", 1)
  expect true, r.expire("#{p}k", 100)
  expect true, r.pexpire("#{p}k", 50_000)
  expect 48_000..50_000, r.pttl("#{p}k")
  expect true, r.persist("#{p}k")
  expect true, r.expireat("#{p}k", Time.now.to_i + 100)
  expect 95..101, r.ttl("#{p}k")
  expect "1", r.getex("#{p}k", persist: true)
  expect(-1, r.ttl("#{p}k"))
end

test "keys" do |r, p|
  r.set("#{p}a", 1)
  expect "OK", r.rename("#{p}a", "#{p}b")
  expect true, r.copy("#{p}b", "#{p}c")
  expect false, r.renamenx("#{p}b", "#{p}c")
  expect "string", r.type("#{p}b")
  expect ["#{p}b", "#{p}c"], r.keys("#{p}*").sort
  expect 2, r.unlink("#{p}b", "#{p}c")
  expect_error(/no such key/) { r.rename("#{p}a", "#{p}b") }
end

test "scan" do |r, p|
  names = Array.new(300) { |i| "#{p}scan:#{i}" }
  r.pipelined { |pipeline| names.each { |name| pipeline.set(name, 1) } }
  expect names.sort, r.scan_each(match: "#{p}scan:*").to_a.uniq.sort
  expect names.sort, r.scan_each(match: "#{p}scan:*", count: 1000, type: "string").to_a.uniq.sort
end

test "pipeline" do |r, p|
  answers = r.pipelined do |pipeline|
    1000.times { pipeline.incr("#{p}n") }
    pipeline.get("#{p}none")
  end
  expect [*1..1000, nil], answers
  later = nil
  r.pipelined { |pipeline| later = pipeline.incr("#{p}n") }
  expect 1001, later.value
end

test "transaction" do |r, p|
  answers = r.multi do |transaction|
    transaction.set("#{p}a", 1)
    transaction.incr("#{p}a")
    transaction.get("#{p}none")
  end
  expect ["OK", 2, nil], answers
end

test "watch" do |r, p|
  lost = r.watch("#{p}k") do
    connect.set("#{p}k", "someone else")
    r.multi { |transaction| transaction.set("#{p}k", "mine") }
  end
  expect nil, lost
  expect "someone else", r.get("#{p}k")
  won = r.watch("#{p}k") { r.multi { |transaction| transaction.set("#{p}k", "mine") } }
  expect ["OK"], won
  expect "OK", r.watch("#{p}k") { r.unwatch }
end

test "a lock by hand" do |_, p|
  inside = 0
  entered = Queue.new
  Array.new(6) do |i|
    Thread.new do
      Thread.current.report_on_exception = false
      r = connect
      5.times do |turn|
        sleep 0.002 until r.set("#{p}lock", "#{i}:#{turn}", nx: true, px: 10_000)
        inside += 1
        expect 1, inside
        entered << i
        inside -= 1
        expect "#{i}:#{turn}", r.get("#{p}lock")
        r.del("#{p}lock")
      end
    end
  end.each(&:join)
  expect 30, entered.size
end

test "the server" do |r, p|
  expect "PONG", r.ping
  expect "hello", r.echo("hello")
  expect (Time.now.to_i - 60)..(Time.now.to_i + 60), r.time[0]
  expect(/^7\./, r.info["redis_version"])
  expect(/^(master|slave)$/, r.info("replication")["role"])
  expect Integer, r.dbsize
  expect({ "appendonly" => String }.keys, r.config(:get, "appendonly").keys)
  expect "OK", r.client(:setname, "compat-#{RUN[3..]}")
  expect "compat-#{RUN[3..]}", r.client(:getname)
  expect true, r.client(:list).any? { |client| client["name"] == "compat-#{RUN[3..]}" }
  expect ["get", 2], r.call([:command, :info, "get"])[0][0, 2]
  expect "OK", r.quit
  expect "PONG", r.ping
  expect_error(/unknown command 'NO-SUCH'/) { r.call(["NO-SUCH", p]) }
end

passed = failed = 0
TESTS.each do |name, body|
  body.call(connect, "#{RUN}:#{name.tr(' ', '-')}:")
  passed += 1
rescue StandardError => e
  failed += 1
  puts "FAILED: #{name}: #{e.message}", e.backtrace.grep(/ruby_redis/).first(3)
end
puts "#{passed} passed, #{failed} failed"
exit failed.zero?
