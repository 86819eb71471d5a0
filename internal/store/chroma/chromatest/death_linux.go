package chromatest

import "syscall"

// dieWithParent has the kernel kill the server when the test binary ends in a
// way that runs no cleanup: a panic, a timeout, a kill.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
