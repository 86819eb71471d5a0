package keeper

import (
	"fmt"

	"keepsake/internal/memory"
)

// Ground says what sort of end something came to, for those who have to act on it:
// a command line makes an exit code of it. The grounds of a restore's own refusals
// are package restore's.
type Ground string

// The grounds. The zero Ground leaves it to the cause.
const (
	Failed      Ground = "failed"
	Usage       Ground = "usage" // of what was asked for
	Degraded    Ground = "degraded"
	NotVerified Ground = "not verified"
	Guard       Ground = "guard"
	Store       Ground = "store"
	Incomplete  Ground = "incomplete"
	NotFound    Ground = "not found"
	Locked      Ground = "locked"
	NoRoom      Ground = "no room"
)

// Error is an error whose ground is known.
type Error struct {
	Ground Ground
	// Code is a stable word for what happened, by which one looks up what the
	// operator can do; "" where the cause says it.
	Code string
	// At is the path, address or name that this is about, where Code needs one.
	At  string
	Err error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func fail(g Ground, code string, err error, at ...string) error {
	e := &Error{Ground: g, Code: code, Err: err}
	if len(at) > 0 {
		e.At = at[0]
	}
	return e
}

func usage(err error) error { return fail(Usage, "usage", err) }

// notify tells of something on the way that ends nothing.
func (m *Memory) notify(format string, args ...any) {
	m.tell(memory.Finding{Level: memory.Warning, Message: fmt.Sprintf(format, args...)})
}

func (m *Memory) tell(f memory.Finding) {
	if m.opts.Notify != nil {
		m.opts.Notify(f)
	}
}
