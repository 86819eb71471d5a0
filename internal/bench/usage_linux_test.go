//go:build bench

package bench_test

import (
	"os"
	"syscall"
	"time"
)

// peakMemory is the most memory that an ended process held, in bytes.
func peakMemory(p *os.ProcessState) int64 {
	r, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return r.Maxrss << 10 // Linux counts in KiB
}

// ownCPU is the processor time that this process has taken so far.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
