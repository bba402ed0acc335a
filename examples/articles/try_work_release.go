//go:build ignore

// Try, work, release: try_work_release ADDRESSES NAME FILE [TURNS]
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

// The token is the value: whoever reads it there holds the lock, whatever became of the answer.
func tryLock(node *redis.Client, name, token string) bool {
	taken, err := node.SetNX(name, token, timeOut).Result()
	if err == nil {
		return taken
	}
	return node.Get(name).Val() == token
}

// Deletes the lock if it still carries our token. WATCH makes GET, compare and DEL one step, so it
// may be repeated until there is an answer.
func release(node *redis.Client, name, token string) {
	deleteMine := func(tx *redis.Tx) error {
		holder, err := tx.Get(name).Result()
		if err == redis.Nil || err == nil && holder != token {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tx.Pipelined(func(pipe *redis.Pipeline) error {
			return pipe.Del(name).Err()
		})
		return err
	}
	for node.Watch(deleteMine, name) != nil {
		time.Sleep(10 * time.Millisecond)
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
		fmt.Fprintln(os.Stderr, "usage: try_work_release HOST:PORT,… NAME FILE [TURNS]")
		os.Exit(2)
	}
	rand.Seed(time.Now().UnixNano())
	node := connect(strings.Split(os.Args[1], ","))
	name, turns := os.Args[2], 10
	if len(os.Args) > 4 {
		turns, _ = strconv.Atoi(os.Args[4])
	}
	for turn := 1; turn <= turns; {
		token := fmt.Sprintf("%016x", rand.Uint64())
		asked := time.Now()
		ours := tryLock(node, name, token)
		if ours && time.Since(asked) < timeOut/2 {
			workIn(os.Args[3])
			turn++
		}
		if ours {
			release(node, name, token)
		}
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Println(turns, "turns")
}
