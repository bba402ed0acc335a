// The Go client gopkg.in/redis.v5, unchanged, against one endpoint: go HOST PORT
package main

import (
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gopkg.in/redis.v5"
)

var address string

func connect() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: address, ReadTimeout: 20 * time.Second, PoolSize: 20})
}

// A test panics with what is wrong.
type test struct {
	name string
	body func(r *redis.Client, p string)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func expect(expected, got interface{}) {
	if fmt.Sprint(expected) != fmt.Sprint(got) {
		panic(fmt.Sprintf("expected %v, got %v", expected, got))
	}
}

func expectError(text string, err error) {
	if err == nil || !strings.Contains(err.Error(), text) {
		panic(fmt.Sprintf("expected an error with %q, got %v", text, err))
	}
}

func stringsTest(r *redis.Client, p string) {
	expect("PONG", r.Ping().Val())
	expect("OK", r.Set(p+"a", "Ada", 0).Val())
	expect("Ada", r.Get(p+"a").Val())
	expect(redis.Nil, r.Get(p+"none").Err())
	expect(5, r.Append(p+"a", " L").Val())
	expect("L", r.GetRange(p+"a", -1, -1).Val())
	expect(7, r.SetRange(p+"a", 6, "x").Val())
	expect(7, r.StrLen(p+"a").Val())
	expect("Ada L\x00x", r.GetSet(p+"a", "new").Val())
	big := strings.Repeat("0123456789", 200_000)
	expect("OK", r.Set(p+"big", big, 0).Val())
	expect(true, r.Get(p+"big").Val() == big)
}

func manyTest(r *redis.Client, p string) {
	expect("OK", r.MSet(p+"a", 1, p+"b", 2).Val())
	expect([]interface{}{"1", nil, "2"}, r.MGet(p+"a", p+"none", p+"b").Val())
	expect(false, r.MSetNX(p+"c", 3, p+"a", 4).Val())
	expect(true, r.MSetNX(p+"c", 3).Val())
	expect(3, r.Del(p+"a", p+"b", p+"c", p+"none").Val())
}

func countersTest(r *redis.Client, p string) {
	expect(1, r.Incr(p+"n").Val())
	expect(11, r.IncrBy(p+"n", 10).Val())
	expect(10, r.Decr(p+"n").Val())
	expect(5, r.DecrBy(p+"n", 5).Val())
	expect(5.5, r.IncrByFloat(p+"n", 0.5).Val())
	expectError("not an integer", r.Incr(p+"n").Err())

	// A pool of connections, many goroutines.
	var wait sync.WaitGroup
	for i := 0; i < 50; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for turn := 0; turn < 20; turn++ {
				r.Incr(p + "shared")
			}
		}()
	}
	wait.Wait()
	expect("1000", r.Get(p+"shared").Val())
}

func expiryTest(r *redis.Client, p string) {
	must(r.Set(p+"k", 1, 150*time.Millisecond).Err())
	deadline := time.Now().Add(2 * time.Second)
	for r.Get(p+"k").Err() != redis.Nil {
		if time.Now().After(deadline) {
			panic("not gone two seconds later")
		}
		time.Sleep(10 * time.Millisecond)
	}
	must(r.Set(p+"k", 1, 100*time.Second).Err())
	expect(100*time.Second, r.TTL(p+"k").Val())
	expect(true, r.Persist(p+"k").Val())
	expect(-time.Second, r.TTL(p+"k").Val())
	expect(true, r.PExpire(p+"k", 90*time.Second).Val())
	left := r.PTTL(p + "k").Val()
	expect(true, left > 88*time.Second && left <= 90*time.Second)
	expect(true, r.ExpireAt(p+"k", time.Now().Add(50*time.Second)).Val())
	expect(true, r.TTL(p+"k").Val() <= 51*time.Second)
	expect(false, r.Expire(p+"none", time.Second).Val())
}

func keysTest(r *redis.Client, p string) {
	must(r.MSet(p+"a", 1, p+"b", 2).Err())
	count, err := r.ExistsMulti(p+"a", p+"a", p+"none").Result()
	must(err)
	expect(2, count)
	expect("string", r.Type(p+"a").Val())
	expect(false, r.RenameNX(p+"a", p+"b").Val())
	expect("OK", r.Rename(p+"a", p+"c").Val())
	expectError("no such key", r.Rename(p+"a", p+"c").Err())
	names := r.Keys(p + "*").Val()
	sort.Strings(names)
	expect([]string{p + "b", p + "c"}, names)
	expect("int", r.ObjectEncoding(p+"b").Val())
}

func scanTest(r *redis.Client, p string) {
	expected := map[string]bool{}
	_, err := r.Pipelined(func(pipe *redis.Pipeline) error {
		for i := 0; i < 300; i++ {
			name := fmt.Sprint(p, "scan:", i)
			expected[name] = true
			pipe.Set(name, i, 0)
		}
		return nil
	})
	must(err)
	found := map[string]bool{}
	iterator := r.Scan(0, p+"scan:*", 50).Iterator()
	for iterator.Next() {
		found[iterator.Val()] = true
	}
	must(iterator.Err())
	expect(expected, found)
}

func pipelineTest(r *redis.Client, p string) {
	pipe := r.Pipeline()
	var counts []*redis.IntCmd
	for i := 0; i < 1000; i++ {
		counts = append(counts, pipe.Incr(p+"n"))
	}
	none := pipe.Get(p + "none")
	_, err := pipe.Exec()
	expect(redis.Nil, err)
	for i, count := range counts {
		expect(i+1, count.Val())
	}
	expect(redis.Nil, none.Err())
}

func transactionTest(r *redis.Client, p string) {
	var count *redis.IntCmd
	_, err := r.TxPipelined(func(pipe *redis.Pipeline) error {
		pipe.Set(p+"a", 1, 0)
		count = pipe.Incr(p + "a")
		return nil
	})
	must(err)
	expect(2, count.Val())

	// Several raise one number by hand, each again until nobody came between.
	raise := func(tx *redis.Tx) error {
		value, err := tx.Get(p + "n").Int64()
		if err != nil && err != redis.Nil {
			return err
		}
		_, err = tx.Pipelined(func(pipe *redis.Pipeline) error {
			pipe.Set(p+"n", value+1, 0)
			return nil
		})
		return err
	}
	var wait sync.WaitGroup
	for i := 0; i < 8; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for done := 0; done < 10; {
				if r.Watch(raise, p+"n") == nil {
					done++
				}
			}
		}()
	}
	wait.Wait()
	expect("80", r.Get(p+"n").Val())
}

func lockTest(r *redis.Client, p string) {
	var inside, entered, crowded int32
	var wait sync.WaitGroup
	for i := 0; i < 8; i++ {
		wait.Add(1)
		go func(me int) {
			defer wait.Done()
			for turn := 0; turn < 5; turn++ {
				for !r.SetNX(p+"lock", me, 10*time.Second).Val() {
					time.Sleep(2 * time.Millisecond)
				}
				if atomic.AddInt32(&inside, 1) != 1 {
					atomic.AddInt32(&crowded, 1)
				}
				atomic.AddInt32(&entered, 1)
				atomic.AddInt32(&inside, -1)
				r.Del(p + "lock")
			}
		}(i)
	}
	wait.Wait()
	expect(0, crowded)
	expect(40, entered)
}

func serverTest(r *redis.Client, p string) {
	expect("hello", r.Echo("hello").Val())
	expect(true, strings.Contains(r.Info().Val(), "redis_version:7."))
	expect(true, strings.Contains(r.Info("replication").Val(), "role:"))
	expect("maxmemory", r.ConfigGet("maxmemory").Val()[0])
	expect("OK", r.ConfigResetStat().Val())
	now, err := r.Time().Result()
	must(err)
	expect(true, time.Since(now) < time.Minute && time.Until(now) < time.Minute)
	must(r.DbSize().Err())
	must(r.Wait(0, 100*time.Millisecond).Err())
	must(r.RandomKey().Err())
	expect(true, strings.Contains(r.ClientList().Val(), "cmd=client"))

	pipe := r.Pipeline()
	pipe.ClientSetName("compat")
	name := pipe.ClientGetName()
	_, err = pipe.Exec()
	must(err)
	expect("compat", name.Val())

	keys := redis.NewStringSliceCmd("COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2)
	must(r.Process(keys))
	expect([]string{"a", "b"}, keys.Val())
	unknown := redis.NewStringCmd("NO-SUCH", p)
	expectError("unknown command 'NO-SUCH'", r.Process(unknown))
}

// Whether the test passed; if not, it is said why.
func run(t test, p string) (passed bool) {
	defer func() {
		if wrong := recover(); wrong != nil {
			fmt.Printf("FAILED: %s: %v\n", t.name, wrong)
		}
	}()
	r := connect()
	defer r.Close()
	t.body(r, p)
	return true
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go HOST PORT")
		os.Exit(2)
	}
	address = os.Args[1] + ":" + os.Args[2]
	rand.Seed(time.Now().UnixNano())
	prefix := fmt.Sprintf("go:%08x:", rand.Uint32())

	passed, failed := 0, 0
	for _, t := range []test{
		{"strings", stringsTest}, {"many", manyTest}, {"counters", countersTest},
		{"expiry", expiryTest}, {"keys", keysTest}, {"scan", scanTest},
		{"pipeline", pipelineTest}, {"transaction", transactionTest}, {"lock", lockTest},
		{"server", serverTest},
	} {
		if run(t, prefix+t.name+":") {
			passed++
		} else {
			failed++
		}
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
