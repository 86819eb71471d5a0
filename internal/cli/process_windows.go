package cli

import "os"

// alive reports whether a process of this machine runs: Windows finds only those.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release() // it was only looked for
	return true
}
