//go:build ignore

// A lock with a time-out: lock_with_timeout ADDRESSES NAME FILE [TURNS]
package main

import (
	"fmt"
	"math/rand"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"gopkg.in/redis.v5"
)

const timeOut = 5 * time.Second

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

// Returns when the lock is taken: the time until which it is surely ours.
func acquire(node *redis.Client, name string) time.Time {
	for {
		asked := time.Now()
		if taken, err := node.SetNX(name, "taken", timeOut).Result(); err == nil && taken {
			return asked.Add(timeOut)
		}
		// Another has it, or we do and were not told; its time-out ends both.
		time.Sleep(10 * time.Millisecond)
	}
}

// DEL takes away whoever's lock it is. So it is sent once, and only while there is time enough that
// it cannot arrive after the time-out; otherwise the time-out does its work.
func release(node *redis.Client, name string, until time.Time) {
	if time.Until(until) > timeOut/2 {
		node.Del(name)
	}
}

// The file is what the lock protects: only one may have it open at a time.
func workIn(file string) {
	tool, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		fmt.Println("TWO HOLDERS:", err)
		os.Exit(1)
	}
	tool.Close()
	time.Sleep(100 * time.Millisecond)
	os.Remove(file)
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: lock_with_timeout HOST:PORT,… NAME FILE [TURNS]")
		os.Exit(2)
	}
	rand.Seed(time.Now().UnixNano())
	node := connect(strings.Split(os.Args[1], ","))
	turns := 10
	if len(os.Args) > 4 {
		turns, _ = strconv.Atoi(os.Args[4])
	}
	for turn := 1; turn <= turns; turn++ {
		until := acquire(node, os.Args[2])
		if time.Until(until) > timeOut/4 {
			workIn(os.Args[3])
		}
		release(node, os.Args[2], until)
		time.Sleep(20 * time.Millisecond) // now the others
	}
	fmt.Println(turns, "turns")
}
