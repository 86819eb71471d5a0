package cli

import "os"

// exists reports whether a process of this machine runs: Windows finds only those.
func exists(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release() // it was only looked for
	return true
}
