//go:build unix

package cli

import (
	"errors"
	"syscall"
)

// exists reports whether a process of this machine runs, whoever's it is.
func exists(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
