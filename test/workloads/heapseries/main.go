// Heapseries writes a series of real heap profiles of one leaking process: the same paths again and again, a few new
// ones every time, one in fifty of them leaking.
//
//	go run . -stacks 1100 -snapshots 200 -out DIR
package main

import (
	"flag"
	"fmt"
	"log"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"

	_ "example.com/heapseries/cache"
	_ "example.com/heapseries/cart"
	_ "example.com/heapseries/catalogue"
	_ "example.com/heapseries/codec"
	_ "example.com/heapseries/payment"
	_ "example.com/heapseries/session"
	"example.com/heapseries/walk"
)

func main() {
	stacks := flag.Int("stacks", 1100, "different allocation stacks: 80 give about 12 kB of gzip, 1100 about 55 kB, 6500 about 250 kB")
	snapshots := flag.Int("snapshots", 1, "how many profiles to write")
	fresh := flag.Int("fresh", 5, "new stacks per snapshot")
	seed := flag.Int64("seed", 1, "of the random paths")
	text := flag.Bool("text", false, "write the last profile as text, too")
	out := flag.String("out", ".", "folder for NNN.heap.pb.gz, NNN.heap.txt")
	flag.Parse()
	if err := os.MkdirAll(*out, 0o755); err != nil {
		log.Fatal(err)
	}

	random := rand.New(rand.NewSource(*seed))
	paths := make([]walk.Path, 0, *stacks)
	for len(paths) < *stacks {
		paths = append(paths, randomPath(random))
	}
	for n := 0; n < *snapshots; n++ {
		for i := 0; i < *fresh && n > 0; i++ {
			paths = append(paths, randomPath(random))
		}
		for _, p := range paths {
			runtime.MemProfileRate = 1
			p.Next()(p.Rest())
			if random.Intn(3) == 0 {
				p.Next()(p.Rest())
			}
		}
		runtime.GC()
		if err := write(filepath.Join(*out, fmt.Sprintf("%03d.heap.pb.gz", n)), 0); err != nil {
			log.Fatal(err)
		}
		if *text && n == *snapshots-1 {
			if err := write(filepath.Join(*out, fmt.Sprintf("%03d.heap.txt", n)), 1); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// randomPath goes 6 to 24 functions deep. Its first steps come from a few entry points, as requests do.
func randomPath(random *rand.Rand) walk.Path {
	steps := make([]uint16, 6+random.Intn(19))
	for i := range steps {
		if i < 3 {
			steps[i] = uint16(random.Intn(12))
		} else {
			steps[i] = uint16(random.Intn(walk.Count()))
		}
	}
	return walk.New(steps, 64<<random.Intn(8), random.Intn(50) == 0)
}

func write(name string, debug int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.Lookup("heap").WriteTo(f, debug); err != nil {
		return err
	}
	return f.Close()
}
