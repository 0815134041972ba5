// Parse times github.com/google/pprof's profile.Parse: gunzip, decode, CheckValid. One line of JSON per file.
//
//	parse -runs 30 FILE…
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"log"
	"os"
	"sort"
	"time"

	"github.com/google/pprof/profile"
)

func main() {
	runs := flag.Int("runs", 30, "measured runs per file, after three warm ones")
	flag.Parse()
	for _, name := range flag.Args() {
		data, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		millis := make([]float64, 0, *runs)
		for i := -3; i < *runs; i++ {
			start := time.Now()
			if _, err := profile.Parse(bytes.NewReader(data)); err != nil {
				log.Fatal(err)
			}
			if i >= 0 {
				millis = append(millis, float64(time.Since(start).Nanoseconds())/1e6)
			}
		}
		sort.Float64s(millis)
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"file": name, "minMillis": millis[0], "medianMillis": millis[len(millis)/2]})
	}
}
