//go:build ignore

// Ten counts: ten_counts ADDRESSES NAME [--once]
package main

import (
	"fmt"
	"math/rand"
	"net"
	"os"
	"strings"
	"time"

	"gopkg.in/redis.v5"
)

// A plain client of one endpoint; when its connection breaks, it dials the next address.
func connect(addresses []string) *redis.Client {
	at := rand.Intn(len(addresses))
	return redis.NewClient(&redis.Options{
		ReadTimeout: 5 * time.Second,
		PoolSize:    1,
		Dialer: func() (net.Conn, error) {
			at++
			return net.DialTimeout("tcp", addresses[at%len(addresses)], time.Second)
		},
	})
}

// Nothing was sent, or the node said that it did nothing. Any other error leaves it unclear.
func notDone(err error) bool {
	failed, network := err.(*net.OpError)
	return network && failed.Op == "dial" || strings.HasPrefix(err.Error(), "NOLEADER")
}

// The command itself is wrong: asking again would not help.
func refused(err error) bool {
	return strings.HasPrefix(err.Error(), "ERR")
}

// A plain INCR without an answer may or may not have been done; repeated, it may count twice.
func incr(node *redis.Client, name string) (int64, error) {
	return node.Incr(name).Result()
}

// Under an id it is done once, however often it is asked for.
func incrOnce(node *redis.Client, name string) (int64, error) {
	id := fmt.Sprintf("%016x", rand.Uint64())
	for {
		command := redis.NewIntCmd("ONCE", id, "INCR", name)
		if node.Process(command); command.Err() == nil || refused(command.Err()) {
			return command.Result()
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: ten_counts HOST:PORT,… NAME [--once]")
		os.Exit(2)
	}
	rand.Seed(time.Now().UnixNano())
	node := connect(strings.Split(os.Args[1], ","))
	count := incr
	if len(os.Args) > 3 && os.Args[3] == "--once" {
		count = incrOnce
	}
	counted, unclear := 0, 0
	for counted+unclear < 10 {
		if number, err := count(node, os.Args[2]); err == nil {
			counted++
			fmt.Println(number)
		} else if refused(err) {
			fmt.Println(err)
			os.Exit(1)
		} else if !notDone(err) {
			unclear++
		}
		time.Sleep(200 * time.Millisecond)
	}
	fmt.Printf("%d counted, %d unclear\n", counted, unclear)
}
