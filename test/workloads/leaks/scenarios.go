package main

import "context"

// scenario is one bug (or, when healthy, one thing that looks like a bug and is none) and what brings it out.
type scenario struct {
	name       string
	kind       string // "goroutine" or "heap"
	signature  int    // number of the known signature, 0 for none
	about      string
	healthy    bool
	labels     []string // on "bottom function( … [state]" of leaked goroutines
	heapLabels []string // on the function to open and mend
	install    func(*service)
	hits       []hit
	clients    func(context.Context, *visitors) // visitors that need more than single requests
	alone      bool                             // without the shop's ordinary traffic
	env        []string
}

var scenarios = concat(
	outboundScenarios, grpcScenarios, sqlScenarios, channelScenarios, lifetimeScenarios, lockScenarios, resourceScenarios,
	realtimeScenarios, retentionScenarios, cardinalityScenarios, libraryScenarios, healthyScenarios, healthyHeapScenarios,
)

func concat(lists ...[]*scenario) []*scenario {
	var all []*scenario
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func findScenario(name string) *scenario {
	for _, s := range scenarios {
		if s.name == name {
			return s
		}
	}
	return nil
}

func get(path string, perMinute float64) hit {
	return hit{method: "GET", path: path, perMinute: perMinute}
}

func post(path string, perMinute float64) hit {
	return hit{method: "POST", path: path, perMinute: perMinute, body: orderBody}
}
