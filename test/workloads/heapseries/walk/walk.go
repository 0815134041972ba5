// Package walk moves a path of function numbers through the registered functions; the last one allocates.
package walk

var functions []func(Path)

// Register adds functions to choose from. Called from init functions, so the order is the import order.
func Register(f ...func(Path)) { functions = append(functions, f...) }

// Count says how many functions there are.
func Count() int { return len(functions) }

// Path is the way still to go, and what to allocate at its end.
type Path struct {
	steps []uint16
	size  int
	leak  bool
}

// New makes a path; leak keeps the allocation for ever.
func New(steps []uint16, size int, leak bool) Path { return Path{steps, size, leak} }

func (p Path) End() bool        { return len(p.steps) == 0 }
func (p Path) Size() int        { return p.size }
func (p Path) Next() func(Path) { return functions[p.steps[0]] }
func (p Path) Rest() Path       { return Path{p.steps[1:], p.size, p.leak} }

var leaked [][]byte
var recent [4096][]byte
var turn int

// Keep holds an allocation: for ever if it leaks, else until 4,096 others came after it.
func Keep(p Path, b []byte) {
	if p.leak {
		leaked = append(leaked, b)
		return
	}
	recent[turn%len(recent)] = b
	turn++
}
