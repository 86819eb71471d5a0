package cli_test

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"keepsake/internal/cli"
	"keepsake/internal/memory"
	"keepsake/internal/store/chroma/chromatest"
)

// signals are those that end a run, with the exit code of each.
func signals() map[os.Signal]int { return map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} }

// TestInterruptedBackup leaves no half bundle, wherever it was.
func TestInterruptedBackup(t *testing.T) {
	a := newAgent(t, true)
	a.remember()
	a.backup()
	for signal, code := range signals() {
		for _, at := range []string{"heartbeat", "count", "get rows"} {
			a.sub(signal.String()+" at "+at, func(t *testing.T) {
				kept := tree(t, a.data("backups"))
				r := a.interrupted(signal, func(r chromatest.Request) bool {
					return r.Op == at || at == "get rows" && r.Op == "get" && strings.Contains(string(r.Body), `"ids"`)
				}, "backup")
				if r.code != code {
					t.Errorf("got exit code %d, want %d\n%s", r.code, code, r.stderr)
				}
				says(t, r.stderr, "interrupted ("+signal.String()+")\n  nothing was published: the bundles are as they were")
				silent(t, r.stderr, "--allow-degraded", "cannot be read")
				same(t, "the bundles", tree(t, a.data("backups")), kept)
				a.noResidue()
			})
		}
	}
	a.must(0, "backup")
}

// TestInterruptedRestore says what is in and how to go on, and the same command
// goes on.
func TestInterruptedRestore(t *testing.T) {
	t.Parallel()
	a := newAgent(t, true)
	a.remember()
	want := a.digests()
	bundle := a.backup()
	for signal, code := range signals() {
		for name, at := range map[string]func(chromatest.Request) bool{
			"at the first look": func(r chromatest.Request) bool { return r.Op == "heartbeat" },
			"at the summaries":  func(r chromatest.Request) bool { return r.Op == "add" && strings.Contains(string(r.Body), "summary_") },
			"at the proof":      func(r chromatest.Request) bool { return r.Op == "get" && strings.Contains(string(r.Body), "summary_") },
		} {
			a.sub(signal.String()+" "+name, func(t *testing.T) {
				a.forget()
				r := a.interrupted(signal, at, "restore", bundle)
				if r.code != code {
					t.Errorf("got exit code %d, want %d\n%s", r.code, code, r.stderr)
				}
				says(t, r.stderr, "interrupted ("+signal.String()+")")
				if name == "at the first look" {
					says(t, r.stderr, "\n  nothing was written")
				} else {
					says(t, r.stderr, "\n  what was added stays: the same command goes on from there")
					says(t, r.stdout, "graph/graph", "done", "failed", "pending", "Receipt: ")
				}
				a.kb.front = nil
				a.point()
				a.must(0, "restore", bundle)
				sameDigests(t, a.digests(), want)
			})
		}
	}
}

// interrupted runs a command and sends it a signal, as main does, when a request
// comes to KB's server.
func (a *agent) interrupted(signal os.Signal, at func(chromatest.Request) bool, args ...string) result {
	a.t.Helper()
	ctx, cancel := context.WithCancelCause(a.t.Context())
	defer cancel(nil)
	a.behind(&a.kb, func(r chromatest.Request) chromatest.Fault {
		if !at(r) {
			return chromatest.Fault{}
		}
		cancel(cli.InterruptedError{Signal: signal})
		return chromatest.Fault{Hang: true} // what is under way has to be let go of
	})
	return a.runIn(ctx, args...)
}

// TestInterruptedInAFile: a run that is in SQLite or in a file ends as well.
func TestInterruptedInAFile(t *testing.T) {
	a := bare(t)
	a.remember(memory.Graph, memory.TrajectoryLog)
	bundle := a.backup("--only", "graph,trajectories")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cli.InterruptedError{Signal: os.Interrupt})
	kept := tree(t, a.data("backups"))
	for _, args := range [][]string{{"backup", "--only", "graph,trajectories"}, {"restore", bundle}, {"verify", bundle}} {
		if r := a.runIn(ctx, args...); r.code != 130 {
			t.Errorf("keepsake %s: got exit code %d, want 130\n%s", args[0], r.code, r.stderr)
		}
	}
	same(t, "the bundles", tree(t, a.data("backups")), kept)
	a.noResidue()
}
