package cli

import (
	"context"
	"errors"
	"os"
	"syscall"

	"keepsake/internal/guard"
	"keepsake/internal/store"
)

// The exit codes. They are a promise: docs/exit-codes.md.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitDegraded    = 3
	exitNotVerified = 4
	exitMismatch    = 5
	exitNotEmpty    = 6
	exitGuard       = 7
	exitStore       = 8
	exitIncomplete  = 9
	exitNotFound    = 10
	exitLocked      = 11
	exitNoRoom      = 13
	exitBug         = 70
	exitInterrupt   = 130
	exitTerminate   = 143
)

// InterruptedError is the cause of a context that a signal cancelled.
type InterruptedError struct{ Signal os.Signal }

// Error names the signal.
func (i InterruptedError) Error() string { return "interrupted (" + i.Signal.String() + ")" }

// Is makes it a context.Canceled too, which it is wherever it is returned as the
// cause of one.
func (i InterruptedError) Is(target error) bool { return target == context.Canceled }

// ExitCode is 143 for SIGTERM and 130 for the rest.
func (i InterruptedError) ExitCode() int {
	if i.Signal == syscall.SIGTERM {
		return exitTerminate
	}
	return exitInterrupt
}

// failure is an error that knows what the operator can do, and its exit code,
// unless that is 0: then its cause decides.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func fail(code int, err error, hint string) error {
	return &failure{code: code, err: err, hint: hint}
}

// ifInterrupted adds to the error of an interrupted run what it left.
func ifInterrupted(err error, left string) error {
	if errors.Is(err, context.Canceled) {
		return fail(0, err, left)
	}
	return err
}

func usage(err error) error {
	return fail(exitUsage, err, "keepsake --help shows the commands, keepsake COMMAND --help its flags")
}

// exitCode is the one place where an error becomes an exit code.
func exitCode(ctx context.Context, err error) int {
	var f *failure
	var stop InterruptedError
	var refused *guard.RefusedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(context.Cause(ctx), &stop) && errors.Is(err, context.Canceled):
		return stop.ExitCode()
	case errors.As(err, &f) && f.code != 0:
		return f.code
	case errors.Is(err, syscall.ENOSPC):
		return exitNoRoom
	case errors.As(err, &refused):
		return exitGuard
	case errors.Is(err, store.ErrUnfinished):
		return exitLocked
	case errors.Is(err, store.ErrUnreachable), errors.Is(err, store.ErrUnreadable), errors.Is(err, store.ErrAbsent):
		return exitStore
	}
	return exitFailed
}

// hintOf returns what the operator can do, "" when nobody said.
func hintOf(err error) string {
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		return f.hint
	}
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	var refused *guard.RefusedError
	if errors.As(err, &refused) {
		return refused.Hint
	}
	return ""
}
