package lock

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrHeld is what a *HeldError is.
var ErrHeld = errors.New("lock is held")

// Owner is a process that holds a lock.
type Owner struct {
	PID  int    `json:"pid"`
	Host string `json:"host"`
	// BootID changes with every start of the machine. "" when the system has none.
	BootID string `json:"bootId"`
	// Start tells a process from others that were given its id: StartOf. "" when
	// the system doesn't say.
	Start   string    `json:"start,omitempty"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// String returns who it is and since when, for people.
func (o Owner) String() string {
	if o == (Owner{}) {
		return "an owner that can't be read"
	}
	command := o.Command
	if command == "" {
		command = "a process"
	}
	return fmt.Sprintf("%s (process %d on %s) since %s", command, o.PID, o.Host, o.Since.UTC().Format(time.RFC3339))
}

// HeldError says that others hold a lock, and who: as far as they have said so,
// which a process that has only just taken the lock may not have.
type HeldError struct {
	Path   string
	Owners []Owner
}

// Error implements error.
func (e *HeldError) Error() string {
	if len(e.Owners) == 0 {
		return fmt.Sprintf("lock %s is held", e.Path)
	}
	all := make([]string, len(e.Owners))
	for i, o := range e.Owners {
		all[i] = o.String()
	}
	return fmt.Sprintf("lock %s is held by %s", e.Path, strings.Join(all, ", and "))
}

// Is makes it an ErrHeld.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

// AliveBy makes an Options.Alive of a function that knows which process ids are
// in use. A process id alone is no proof: the owner is known to be alive when the
// process of that id started when the owner did.
func AliveBy(exists func(pid int) bool) func(Owner) (alive, known bool) {
	return func(o Owner) (alive, known bool) {
		if !exists(o.PID) {
			return false, true
		}
		start := StartOf(o.PID)
		if o.Start == "" || start == "" {
			return true, false
		}
		return start == o.Start, true
	}
}

// verdict is what can be said of an owner.
type verdict int

const (
	unjudged verdict = iota // may hold the lock: beyond what this kernel can tell
	live
	dead
)

// judge says what became of an owner whom this kernel's lock doesn't keep out.
func judge(o Owner, opts Options) verdict {
	me := opts.Me
	sameBoot := o.BootID == me.BootID && o.BootID != ""
	switch {
	case o == (Owner{}):
		return unjudged
	case o.Host != me.Host && !sameBoot:
		return unjudged // another machine, where locks may not reach
	case o.Host != me.Host:
		return dead // another container: it has the same kernel, which gave us the lock
	case !sameBoot && o.BootID != "" && me.BootID != "":
		return dead // before this machine was started
	}
	if opts.Alive != nil {
		if alive, known := opts.Alive(o); alive && known {
			return live // the lock file was replaced under it, or locks don't work here
		}
	}
	return dead
}
