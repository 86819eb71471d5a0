//go:build !linux

package chromatest

import "syscall"

// dieWithParent has no counterpart here: only cleanups end the server.
func dieWithParent() *syscall.SysProcAttr { return nil }
