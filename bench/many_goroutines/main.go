// A program with very many goroutines that stand in 20 distinct stacks of 8 to 15 frames: five ways to wait, each below four depths of calls.
//
//	many_goroutines N        says "ready" when they stand; then obeys lines on standard input:
//	  time                   writes its goroutine dumps to nowhere and says how long the runtime took:
//	                         "debug=1 SECONDS BYTES", "debug=2 SECONDS BYTES", "done"
//
// runtime/pprof cuts its debug=2 at 64 MB; here the runtime gets room for all of it.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ways   = 5
	depths = 4
)

var (
	started int64
	events  = make(chan int) // nobody ever sends
	stop    = make(chan struct{})
	ledger  sync.Mutex // main has it
	batch   sync.WaitGroup
)

type counter struct{ bytes int }

func (c *counter) Write(text []byte) (int, error) {
	c.bytes += len(text)
	return len(text), nil
}

//go:noinline
func receive(id int) int {
	atomic.AddInt64(&started, 1)
	return <-events + id
}

//go:noinline
func awaitReply(id int) int {
	reply := make(chan int, 1)
	atomic.AddInt64(&started, 1)
	return <-reply + id
}

//go:noinline
func post(id int) int {
	atomic.AddInt64(&started, 1)
	ledger.Lock()
	defer ledger.Unlock()
	return id
}

//go:noinline
func either(id int) int {
	atomic.AddInt64(&started, 1)
	select {
	case event := <-events:
		return event
	case <-stop:
		return id
	}
}

//go:noinline
func join(id int) int {
	atomic.AddInt64(&started, 1)
	batch.Wait()
	return id
}

//go:noinline
func wait(way, id int) int {
	switch way {
	case 0:
		return receive(id)
	case 1:
		return awaitReply(id)
	case 2:
		return post(id)
	case 3:
		return either(id)
	}
	return join(id)
}

//go:noinline
func handle(depth, way, id int, path string) int {
	if depth == 0 {
		return wait(way, id)
	}
	return handle(depth-1, way, id, path) + len(path)
}

func serve(id int) { handle(1+2*(id/ways%depths), id%ways, id, "/orders") }

func sayTimes(count int) {
	var profile counter
	began := time.Now()
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		panic(err)
	}
	fmt.Printf("debug=1 %.6f %d\n", time.Since(began).Seconds(), profile.bytes)
	text := make([]byte, 1<<20+count*1024)
	began = time.Now()
	size := runtime.Stack(text, true)
	fmt.Printf("debug=2 %.6f %d\n", time.Since(began).Seconds(), size)
	fmt.Println("done")
}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	ledger.Lock()
	batch.Add(1)
	for id := 0; id < count; id++ {
		go serve(id)
	}
	for atomic.LoadInt64(&started) < int64(count) {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Second) // from the count to the wait itself it is a few instructions
	runtime.GC()
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if lines.Text() == "time" {
			sayTimes(count)
		}
	}
}
