//go:build ignore

// A lock and a guarded write, by gopkg.in/redis.v5: same_lock HOST:PORT,… NAME TURNS [TTL_MS WORK_MS]
//
// Raises {NAME}:total by one in each turn, by reading and writing it: without the lock additions would
// be lost. Whoever comes too late is refused, says so and ends with 1.
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

// A client that dials the next address when its connection breaks.
func connect(addresses []string) *redis.Client {
	at := rand.Intn(len(addresses))
	return redis.NewClient(&redis.Options{
		ReadTimeout: 10 * time.Second,
		PoolSize:    1,
		Dialer: func() (net.Conn, error) {
			at++
			return net.DialTimeout("tcp", addresses[at%len(addresses)], time.Second)
		},
	})
}

// An error reply is a word in capitals and a text; anything else broke the connection.
func kindOf(err error) string {
	word := strings.SplitN(err.Error(), " ", 2)[0]
	if word != strings.ToUpper(word) || strings.Contains(word, ":") {
		return ""
	}
	return word
}

// Asks whichever node answers, until there is an answer: for commands that may be repeated.
func call(client *redis.Client, words ...interface{}) (interface{}, error) {
	for {
		command := redis.NewCmd(words...)
		client.Process(command)
		answer, err := command.Result()
		if err == nil || err == redis.Nil {
			return answer, nil
		}
		switch kindOf(err) {
		case "", "EOF", "NOLEADER", "UNKNOWN", "LOADING": // no answer to the command itself
			time.Sleep(50 * time.Millisecond)
		default:
			return nil, err
		}
	}
}

type lock struct {
	client      *redis.Client
	name, owner string
	ttl         int
}

// The token. Repeated under the same owner it is the same grant, or the same place in the queue.
func (l lock) acquire() (int64, error) {
	for {
		grant, err := call(l.client, "LOCK.ACQUIRE", l.name, l.owner, "TTL", l.ttl, "WAIT", 5000)
		if err != nil {
			return 0, err
		}
		if fields, granted := grant.([]interface{}); granted {
			return fields[0].(int64), nil
		}
	}
}

// FENCED if a later holder has been here.
func (l lock) write(token int64, key string, value int) error {
	_, err := call(l.client, "GUARD", l.name, token, "SET", key, value)
	return err
}

// An error LOST says that it had ended before.
func (l lock) release(token int64) {
	call(l.client, "LOCK.RELEASE", l.name, token)
}

func number(at, otherwise int) int {
	if len(os.Args) <= at {
		return otherwise
	}
	value, _ := strconv.Atoi(os.Args[at])
	return value
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: same_lock HOST:PORT,… NAME TURNS [TTL_MS WORK_MS]")
		os.Exit(2)
	}
	rand.Seed(time.Now().UnixNano())
	host, _ := os.Hostname()
	client := connect(strings.Split(os.Args[1], ","))
	name, turns, work := os.Args[2], number(3, 1), number(5, 10)
	mine := lock{client, name, fmt.Sprintf("%s:%d:%016x", host, os.Getpid(), rand.Uint64()), number(4, 10000)}
	key := "{" + name + "}:total"
	for turn := 0; turn < turns; turn++ {
		token, err := mine.acquire()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("holding", token)
		total := 0
		if text, err := call(client, "GET", key); err == nil && text != nil {
			total, _ = strconv.Atoi(text.(string))
		}
		time.Sleep(time.Duration(work) * time.Millisecond)
		if err := mine.write(token, key, total+1); err != nil {
			fmt.Println("too late:", err)
			os.Exit(1)
		}
		mine.release(token)
	}
	fmt.Println(turns, "turns")
}
