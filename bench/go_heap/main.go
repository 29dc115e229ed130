// A program with a large heap full of pointers: half of it trees of small nodes, a quarter maps, a quarter long slices; and a few goroutines that
// can never run again.
//
//	go_heap MEGABYTES      says "ready" when it stands, and ends with its standard input
package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
)

type node struct { // 64 bytes
	left, right, other *node
	name               string
	numbers            [3]int
}

var (
	trees  []*node
	maps   []map[string]*node
	slices [][]*node
)

func tree(depth int, last *node) *node {
	if depth == 0 {
		return nil
	}
	n := &node{other: last, name: "name", numbers: [3]int{1, 2, 3}}
	n.left = tree(depth-1, n)
	n.right = tree(depth-1, n)
	return n
}

func used() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func main() {
	megabytes, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	wanted := uint64(megabytes) << 20
	for used() < wanted/2 {
		trees = append(trees, tree(16, nil))
	}
	for i := 0; used() < wanted*3/4; i++ {
		m := map[string]*node{}
		for j := 0; j < 10000; j++ {
			m[strconv.Itoa(i*10000+j)] = trees[j%len(trees)]
		}
		maps = append(maps, m)
	}
	for used() < wanted {
		s := make([]*node, 1<<17)
		for j := range s {
			s[j] = trees[j%len(trees)]
		}
		slices = append(slices, s)
	}
	for i := 0; i < 1000; i++ {
		go func() { <-make(chan *node) }()
	}
	runtime.Gosched()
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
