// Package machine is what benchmarks need to know of the machine that they run
// on: its cores, the CPU time of its processes, its name. It needs Linux, for
// /proc.
package machine
