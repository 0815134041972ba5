// Heapscale prints what Go makes of numbers on amd64: e^x bit for bit, and heap records scaled as runtime/pprof does.
//
//	go run . > ../../fixtures/profile-text/scale.txt
package main

import (
	"fmt"
	"math"
	"math/rand"
)

func scale(count, size, rate int64) (int64, int64) {
	average := float64(size) / float64(count)
	factor := 1 / (1 - math.Exp(-average/float64(rate)))
	return int64(float64(count) * factor), int64(float64(size) * factor)
}

func main() {
	random := rand.New(rand.NewSource(1))
	for i := 0; i < 2000; i++ {
		x := -math.Exp(random.Float64()*28 - 22)
		if i%5 == 0 {
			x = random.NormFloat64() * 100
		}
		fmt.Printf("exp %016x %016x\n", math.Float64bits(x), math.Float64bits(math.Exp(x)))
	}
	for i := 0; i < 2000; i++ {
		count, size, rate := int64(math.Exp(random.Float64()*43)), int64(math.Exp(random.Float64()*43)), int64(2+math.Exp(random.Float64()*30))
		if i%2 == 0 {
			count, rate = 1+random.Int63n(100000), 524288
			size = count * (1 + random.Int63n(5000))
		}
		if i%50 == 0 {
			size = -size
		}
		objects, bytes := scale(count, size, rate)
		fmt.Println("heap", count, size, rate, objects, bytes)
	}
}
