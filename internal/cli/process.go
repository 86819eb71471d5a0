package cli

import (
	"os"
	"strings"

	"keepsake/internal/lock"
)

// bootFile holds, on Linux, an id that changes with every start of the machine.
const bootFile = "/proc/sys/kernel/random/boot_id"

// me is this process, as others read it, so that a later run can tell whether it
// lives. Where the machine has no boot id, a process id alone has to do.
func (a *app) me() lock.Owner {
	o := lock.Owner{PID: os.Getpid(), Command: "keepsake", Since: a.Now().UTC()}
	o.Start = lock.StartOf(o.PID)
	if host, err := os.Hostname(); err == nil {
		o.Host = host
	}
	if boot, err := os.ReadFile(bootFile); err == nil {
		o.BootID = strings.TrimSpace(string(boot))
	}
	if len(a.Args) > 0 && !strings.HasPrefix(a.Args[0], "-") {
		o.Command += " " + a.Args[0]
	}
	return o
}

// alive reports whether the process of an owner on this machine still runs.
func alive(o lock.Owner) (alive, known bool) { return lock.AliveBy(exists)(o) }
