package cli

import (
	"os"
	"strings"

	"keepsake/internal/bundle"
)

// bootFile holds, on Linux, an id that changes with every start of the machine.
const bootFile = "/proc/sys/kernel/random/boot_id"

// owner names this process, so that a later run can tell whether it lives.
// Where the machine has no boot id, a process id alone has to do.
func owner() bundle.Owner {
	o := bundle.Owner{PID: os.Getpid()}
	if host, err := os.Hostname(); err == nil {
		o.Host = host
	}
	if boot, err := os.ReadFile(bootFile); err == nil {
		o.BootID = strings.TrimSpace(string(boot))
	}
	return o
}
