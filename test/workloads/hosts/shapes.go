package main

import "math"

// shapes give the level of the load, 0 to about 1, at a share of the window, 0 to 1.
var shapes = map[string]func(at float64) float64{
	"ramp":     func(at float64) float64 { return clamp(at) },
	"hill":     func(at float64) float64 { return clamp(1 - math.Abs(2*at-1)) },
	"plateau":  func(at float64) float64 { return clamp(at / .12) },
	"flat":     func(float64) float64 { return 1 },
	"saturate": func(at float64) float64 { return 1 - math.Exp(-4*at) },
	"stairs":   func(at float64) float64 { return clamp(math.Floor(at*4+1) / 4) },
	"late":     func(at float64) float64 { return .1 + .9*clamp((at-.6)/.4) },
	"saw":      func(at float64) float64 { return clamp(math.Mod(at*3, 1) / .9) },
	"decline":  func(at float64) float64 { return clamp(1 - .9*at) },
	"bursts": func(at float64) float64 {
		if phase := math.Mod(at*3.5+.3, 1); phase > .72 {
			return 1
		}
		return .12
	},
	"wander": func(at float64) float64 {
		return clamp(.2 + .6*at + .12*math.Sin(at*21) + .06*math.Sin(at*57+1))
	},
	"day": func(at float64) float64 { return .15 + .85*math.Pow(math.Sin(math.Pi*clamp(at)), 2) },
}

func clamp(level float64) float64 { return math.Max(0, math.Min(1, level)) }
